"""The database's schema and its versions; each version is a file in `migrations/versions`.

Every command of an operator and every start of the service asks for versions, and seldom changes
one: Alembic, which takes as long to import as SQLAlchemy, is imported where a version changes.
"""

from __future__ import annotations

import re
from pathlib import Path

from sqlalchemy import inspect, text

from ticket_hub.errors import HubError
from ticket_hub_api.store.database import Database

__all__ = ["check_schema", "current_version", "migrate", "newest_version"]

MIGRATIONS = Path(__file__).parent / "migrations"


_REVISION = re.compile(r'^(down_revision|revision) = "([^"]+)"', re.MULTILINE)


def _versions() -> dict[str, str]:
    """Each version that a step leads to, and the one that it leads on from; empty for the first."""
    files = (MIGRATIONS / "versions").glob("v*.py")
    steps = [dict(_REVISION.findall(path.read_text("utf-8"))) for path in files]
    return {step["revision"]: step.get("down_revision", "") for step in steps}


def newest_version() -> str:
    """The version that this code works with."""
    versions = _versions()
    (newest,) = versions.keys() - versions.values()
    return newest


def current_version(database: Database) -> str:
    """The version that a database has; empty for a new one."""
    with database.read() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return ""
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or ""


def migrate(database: Database, version: str = "head") -> None:
    """Bring a database to a version, by default the newest; each step is one transaction.

    Raises:
        HubError: it has a version from which no step leads on.
    """
    from alembic import command  # slow to import
    from alembic.config import Config

    current = current_version(database)
    if current and current not in _versions():
        raise HubError(
            f"The hub's database has the schema {current!r}, which is of no release up to this.",
            "Use the version of Ticket Hub that made it; or make a new hub, and push to it again.",
        )
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["engine"] = database.writer
    command.upgrade(config, version)


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
