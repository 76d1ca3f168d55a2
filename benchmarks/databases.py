"""How much longer a hub on PostgreSQL takes for small reads than one on SQLite.

    python benchmarks/databases.py --database postgresql://... [--rounds 5] [--requests 300]

Both hubs run at the same time with the same contents, and are asked in turns, over one connection.
The database must be new. Answers come from memory until somebody writes; PostgreSQL is asked each
time whether anybody has. With --no-cache both databases are asked for each answer.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from hub import make_repository, reads
from huggingface_hub import HfApi
from loaded import AskedRoute, choices, compare, report

from ticket_hub_api.background import RunningHub, running_hub
from ticket_hub_api.settings import Settings


def run(folder: Path, chosen: argparse.Namespace) -> list[dict[str, object]]:
    """Start both hubs and compare them."""
    if not chosen.database:
        raise SystemExit("Name a new, empty database with --database postgresql://...")
    kept = not chosen.no_cache
    sqlite = Settings(requests_per_minute=0, folder=folder / "sqlite", response_cache=kept)
    postgresql = Settings(
        requests_per_minute=0,
        folder=folder / "postgresql",
        database=chosen.database,
        response_cache=kept,
    )
    with running_hub(sqlite) as one, running_hub(postgresql) as other:
        return compare(list(zip(_reads(one), _reads(other), strict=True)), chosen)


def _reads(hub: RunningHub) -> list[AskedRoute]:
    name = make_repository(HfApi(endpoint=hub.endpoint, token=hub.token), b"large" * 100_000)
    return reads(hub, name)


if __name__ == "__main__":
    report(run, choices(__doc__, requests=300, connections=1).parse_args())
