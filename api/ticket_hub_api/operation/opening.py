"""An open hub: its settings, rows and bytes, without a service that runs."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ticket_hub.errors import HubError
from ticket_hub_api.settings import Settings
from ticket_hub_api.store.database import Database
from ticket_hub_api.store.migrate import check_schema, current_version, migrate

if TYPE_CHECKING:
    from ticket_hub_api.store.blobs import Blobs

__all__ = [
    "OperatorHub",
    "open_hub",
    "settings_of",
]


@dataclasses.dataclass(frozen=True)
class OperatorHub:
    """A hub's rows and bytes."""

    settings: Settings
    database: Database

    @functools.cached_property
    def blobs(self) -> Blobs:
        """The storage; opened only where it is needed."""
        from ticket_hub_api.store.blobs import open_blobs  # slow: clients of object stores

        return open_blobs(self.settings.storage_url, self.settings.spool)


def settings_of(database: str = "", storage: str = "", **changes: object) -> Settings:
    """The settings of the environment, with what was given on the command line."""
    settings = Settings.from_environment()
    given = {"database": database, "storage": storage, **changes}
    chosen = {name: value for name, value in given.items() if value not in {"", None}}
    return dataclasses.replace(settings, **chosen)  # type: ignore[arg-type] # names of fields


@contextlib.contextmanager
def open_hub(settings: Settings, *, create: bool = False) -> Iterator[OperatorHub]:
    """Open a hub's database.

    Args:
        create: make a new one where there is none.

    Raises:
        HubError: there is none, or it has the schema of another version.
    """
    settings.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not settings.database and not create and not (settings.folder / "hub.sqlite").exists():
        raise HubError(
            f"There is no hub in {settings.folder}.",
            "Start one with `ticket serve`, or name another with --database.",
        )
    database = Database(settings.database_url)
    try:
        if create and not current_version(database):
            migrate(database)
        check_schema(database)
        yield OperatorHub(settings, database)
    finally:
        database.close()
