"""Finding damage: every row by its digest, every reference, every content by its hash."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from alembic.runtime.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from ticket_hub.errors import TicketHubError
from ticket_hub_api.maintenance.catalog import check_catalog
from ticket_hub_api.maintenance.contents import check_contents, check_terms
from ticket_hub_api.maintenance.findings import Damage, DamageFinding
from ticket_hub_api.maintenance.history import check_history
from ticket_hub_api.maintenance.rows import check_children, check_digests, check_parents
from ticket_hub_api.store.blobs import Blobs
from ticket_hub_api.store.database import Database
from ticket_hub_api.store.migrate import migrate, newest_version
from ticket_hub_api.store.tables import Base

__all__ = ["RELIED_ON", "DamageFinding", "check", "relied_on"]

SETTLED_SECONDS = 60.0
RELIED_ON = frozenset({
    "accounts", "commits", "objects", "ref_changes", "refs", "repositories", "trees", "uploads",
    "uses", "xorb_uses", "xorbs",
})  # fmt: skip
"""The tables by which a collector tells what is used."""

_WORDS_THAT_DIFFER = """
    SELECT (SELECT count(*) FROM tickets) != (SELECT count(*) FROM ticket_words)
        OR EXISTS (SELECT 1 FROM tickets LEFT JOIN ticket_words
                   ON ticket_words.rowid = tickets.number
                   WHERE ticket_words.words IS NOT tickets.words)
"""


def check(
    database: Database,
    blobs: Blobs,
    *,
    contents: bool = True,
    settled_seconds: float = SETTLED_SECONDS,
) -> Iterator[DamageFinding]:
    """Everything that is damaged, as it is found. Nothing is changed.

    It may run beside the service: the database is read as it was at one moment, and a content that
    a collector removes meanwhile is no finding.

    Args:
        contents: read and hash every content; otherwise only look whether each has its size.
        settled_seconds: for so long a commit may be missing from the catalog.
    """
    before = 0
    for finding in _guarded(_check_database(database, settled_seconds), "rows"):
        before += 1
        yield finding
    for finding in _guarded(check_contents(database, blobs, full=contents), "objects"):
        if not (before and finding.what == "database"):  # it was said what cannot be read
            yield finding


def relied_on(database: Database) -> Iterator[DamageFinding]:
    """What is wrong with the rows by which a collector tells what is used; as `check` finds it."""
    yield from _guarded(_check_relied_on(database), "rows")


def _guarded(found: Iterator[Damage], what: str) -> Iterator[DamageFinding]:
    """Findings; that no more can be read is one of them."""
    try:
        yield from (DamageFinding(*each) for each in found)
    except (TicketHubError, SQLAlchemyError, ValueError, TypeError, struct.error) as error:
        yield DamageFinding("database", what, f"cannot be read: {error}")


def _check_database(database: Database, settled_seconds: float) -> Iterator[Damage]:
    if database.is_sqlite:
        # SQLite's own check of its pages and indexes, and whether the schema is what it was.
        with database.read() as connection:
            for (line,) in connection.execute(text("PRAGMA integrity_check")):
                if line != "ok":
                    yield "database", "pages", line
            if _schema(connection) != _expected_schema():
                yield "database", "schema", "is not the one that this version made"
        yield from _check_words(database)
    tables = Base.metadata.sorted_tables
    with database.snapshot() as connection:
        yield from _version(connection)
        yield from check_digests(connection, tables)
        yield from check_parents(connection, tables)
        yield from check_history(connection)
        yield from check_terms(connection)
        yield from check_children(connection)
        yield from check_catalog(connection, settled_seconds)


def _check_relied_on(database: Database) -> Iterator[Damage]:
    tables = [table for table in Base.metadata.sorted_tables if table.name in RELIED_ON]
    with database.snapshot() as connection:
        yield from check_digests(connection, tables)
        yield from check_parents(connection, tables)
        yield from check_history(connection)
        yield from check_terms(connection)


def _version(connection: Connection) -> Iterator[Damage]:
    found = MigrationContext.configure(connection).get_current_revision() or "none"
    if found != newest_version():
        yield "database", "schema", f"has the version {found}, not {newest_version()}"


def _check_words(database: Database) -> Iterator[Damage]:
    """Whether the index of words holds those of the tickets, by FTS5's own check, too."""
    problem = ""
    try:
        with database.read() as connection:
            if connection.execute(text(_WORDS_THAT_DIFFER)).scalar():
                problem = "does not hold the words of the tickets"
        with database.writer.connect() as connection:  # FTS5 checks in a writing transaction
            connection.execute(
                text("INSERT INTO ticket_words(ticket_words) VALUES ('integrity-check')")
            )
            connection.rollback()
    except (TicketHubError, SQLAlchemyError) as error:
        problem = f"is damaged: {error}"
    if problem:
        yield "database", "index of words", f"{problem}; `ticket hub index --rebuild`"


def _schema(connection: Connection) -> tuple[tuple[str, ...], ...]:
    statement = text("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY 1, 2")
    return tuple(tuple(str(value) for value in row) for row in connection.execute(statement))


@lru_cache(maxsize=1)
def _expected_schema() -> tuple[tuple[str, ...], ...]:
    with tempfile.TemporaryDirectory() as folder:
        fresh = Database(f"sqlite:///{Path(folder) / 'fresh.sqlite'}")
        try:
            migrate(fresh)
            with fresh.read() as connection:
                return _schema(connection)
        finally:
            fresh.close()
