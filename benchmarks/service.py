"""How fast the REST API answers, against a plain Starlette route on the same machine.

    python benchmarks/service.py [--rounds 5] [--requests 1500] [--connections 8] [--tickets 200]

Asked for with a token: all about one ticket, and lists of fifty, of everything and filtered and
sorted. The plain route answers as many bytes from memory, and checks nothing. See `loaded.py`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from loaded import AskedRoute, beside, choices, compare, fill, plain_server, report

from ticket_hub_api.background import running_hub
from ticket_hub_api.settings import Settings

LIST = "/api/v1/tickets?limit=50"
FILTERS = "&density_max=0.9&text=ticket&sort=accuracy"


def run(folder: Path, chosen: argparse.Namespace) -> list[dict[str, object]]:
    """Fill a hub and compare its answers with the plain route's."""
    settings = Settings(requests_per_minute=0, folder=folder / "hub", database=chosen.database)
    with running_hub(settings) as hub, plain_server() as plain:
        paths = {
            "one ticket": f"/api/v1/tickets/{fill(hub, folder, chosen.tickets)}",
            "list of 50": LIST,
            "list of 50, filtered, by accuracy": LIST + FILTERS,
        }
        targets = [
            AskedRoute(what, hub.port, path, hub.process.pid, hub.token)
            for what, path in paths.items()
        ]
        return compare(beside(plain, targets), chosen)


if __name__ == "__main__":
    report(run, choices(__doc__, tickets=200).parse_args())
