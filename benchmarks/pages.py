"""How fast the hub renders its pages, against a plain Starlette route on the same machine.

    python benchmarks/pages.py [--rounds 10] [--requests 20] [--tickets 60]

Pages are asked for with a token, one request at a time; the plain route answers as many bytes from
memory. See `loaded.py`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from loaded import AskedRoute, beside, choices, compare, fill, plain_server, report

from ticket_hub_api.background import running_hub
from ticket_hub_api.settings import Settings


def run(folder: Path, chosen: argparse.Namespace) -> list[dict[str, object]]:
    """Fill a hub and compare its pages with the plain route's answers."""
    settings = Settings(
        requests_per_minute=0, folder=folder / "hub", database=chosen.database, log_level="warning"
    )
    with running_hub(settings) as hub, plain_server() as plain:
        paths = {
            "a page of 50 tickets": "/",
            "a search": "/?text=ticket&weights_max=60&order=accuracy",
            "one ticket": f"/tickets/{fill(hub, folder, chosen.tickets)}",
        }
        targets = [
            AskedRoute(what, hub.port, path, hub.process.pid, hub.token)
            for what, path in paths.items()
        ]
        return compare(beside(plain, targets), chosen)


if __name__ == "__main__":
    report(run, choices(__doc__, rounds=10, requests=20, connections=1, tickets=60).parse_args())
