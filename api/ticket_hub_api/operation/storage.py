"""The bytes of a hub: garbage, damage, and copies."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from ticket_hub_api.maintenance import backup
from ticket_hub_api.maintenance.check import check
from ticket_hub_api.maintenance.collect import collect
from ticket_hub_api.operation.opening import open_hub
from ticket_hub_api.settings import Settings
from ticket_hub_api.store.blobs import open_blobs
from ticket_hub_api.store.database import Database

__all__ = [
    "back_up",
    "collect_garbage",
    "find_damage",
    "restore",
]


def collect_garbage(
    settings: Settings, *, grace_seconds: float, xet_seconds: float, dry_run: bool
) -> dict[str, int]:
    """Remove what nothing refers to; see `maintenance.collect`."""
    with open_hub(settings) as hub:
        done = collect(
            hub.database,
            hub.blobs,
            grace_seconds=grace_seconds,
            xet_seconds=xet_seconds,
            dry_run=dry_run,
        )
    return done.to_dict()


def find_damage(settings: Settings, *, contents: bool) -> Iterator[dict[str, str]]:
    """Everything that is damaged, as it is found; see `maintenance.check`."""
    database = Database(settings.database_url)
    try:
        blobs = open_blobs(settings.storage_url, settings.spool)
        for finding in check(database, blobs, contents=contents):
            yield finding.to_dict()
    finally:
        database.close()


def back_up(settings: Settings, folder: Path) -> dict[str, object]:
    """Copy the hub into a folder; it may run meanwhile.

    Raises:
        HubError: the folder holds something else; or a content is missing or damaged: everything
            else was copied, and the message says how many.
        StorageError: the disk is full, or pg_dump is missing or fails.
    """
    with open_hub(settings) as hub:
        return dataclasses.asdict(backup.back_up(hub.database, hub.blobs, folder))


def restore(settings: Settings, folder: Path) -> dict[str, object]:
    """Bring a hub back from a folder, into an empty database.

    Raises:
        HubConflictError: the database is not empty.
        HubError: there is no complete backup, or it is damaged, or of another kind of database.
        StorageError: a content of the backup is missing or damaged; the database was not touched.
    """
    settings.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = Database(settings.database_url)
    try:
        blobs = open_blobs(settings.storage_url, settings.spool)
        return dataclasses.asdict(backup.restore(folder, database, blobs))
    finally:
        database.close()
