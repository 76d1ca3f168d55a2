"""The list of tickets, and the schema that it is kept in."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from ticket_hub_api.catalog.indexing import index_pending, rebuild
from ticket_hub_api.catalog.mirroring import mirror
from ticket_hub_api.operation.opening import OperatorHub, open_hub
from ticket_hub_api.settings import Settings
from ticket_hub_api.store.database import Database
from ticket_hub_api.store.migrate import current_version, migrate

__all__ = [
    "index_mirrored",
    "migrate_database",
    "rebuild_index",
]


def index_mirrored(
    settings: Settings, owners: Sequence[str], source: str = ""
) -> Iterator[dict[str, str]]:
    """List the tickets of owners on another hub; see `catalog.mirroring.mirror`."""
    with open_hub(settings) as hub:
        for owner in owners:
            for found in mirror(hub.database, settings, owner, source):
                yield dataclasses.asdict(found)


def rebuild_index(settings: Settings) -> Iterator[dict[str, str]]:
    """Fill the catalog anew from the contents of all commits; those with a damaged bundle."""
    with open_hub(settings) as hub:
        for repository, commit, problem in rebuild(hub):
            if problem:
                yield {"repo": repository, "commit": commit, "problem": problem}


def migrate_database(settings: Settings) -> tuple[str, str]:
    """Bring the database to this version's schema; the versions before and after."""
    settings.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = Database(settings.database_url)
    try:
        before = current_version(database)
        migrate(database)
        index_pending(OperatorHub(settings, database))
        return before, current_version(database)
    finally:
        database.close()
