"""The database's schema and its versions; each version is a file in `migrations/versions`."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from ticket_hub.errors import HubError
from ticket_hub_api.store.database import Database

__all__ = ["check_schema", "current_version", "migrate", "newest_version"]

MIGRATIONS = Path(__file__).parent / "migrations"


def _config(database: Database) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["engine"] = database.writer
    return config


def _scripts() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return ScriptDirectory.from_config(config)


def newest_version() -> str:
    """The version that this code works with."""
    return _scripts().get_current_head() or ""


def current_version(database: Database) -> str:
    """The version that a database has; empty for a new one."""
    with database.read() as connection:
        return MigrationContext.configure(connection).get_current_revision() or ""


def migrate(database: Database, version: str = "head") -> None:
    """Bring a database to a version, by default the newest; each step is one transaction.

    Raises:
        HubError: it has a version from which no step leads on.
    """
    current = current_version(database)
    if current and current not in {script.revision for script in _scripts().walk_revisions()}:
        raise HubError(
            f"The hub's database has the schema {current!r}, which is of no release up to this.",
            "Use the version of Ticket Hub that made it; or make a new hub, and push to it again.",
        )
    command.upgrade(_config(database), version)


def check_schema(database: Database) -> None:
    """Whether the database has the version that this code works with.

    Raises:
        HubError: it does not.
    """
    if current_version(database) != newest_version():
        raise HubError(
            "The hub's database has the schema of another version.",
            "Run `ticket hub migrate`; back the database up before.",
        )
