"""Finding damage: every row by its digest, every reference, every content by its hash."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from sqlalchemy import Table, select, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from ticket_hub.errors import TicketHubError
from ticket_hub_api.catalog.database import Database
from ticket_hub_api.catalog.digests import row_digest
from ticket_hub_api.catalog.migrate import migrate, newest_version
from ticket_hub_api.catalog.tables import Base
from ticket_hub_api.maintenance.contents import check_contents
from ticket_hub_api.maintenance.history import check_history
from ticket_hub_api.storage.blobs import Blobs

__all__ = ["Finding", "check"]

_WORDS_THAT_DIFFER = """
    SELECT (SELECT count(*) FROM tickets) != (SELECT count(*) FROM ticket_words)
        OR EXISTS (SELECT 1 FROM tickets LEFT JOIN ticket_words
                   ON ticket_words.rowid = tickets.number
                   WHERE ticket_words.words IS NOT tickets.words)
"""


@dataclass(frozen=True)
class Finding:
    """Something that is damaged: `what` kind of thing, its `name`, and what the `problem` is."""

    what: str
    name: str
    problem: str

    def to_dict(self) -> dict[str, str]:
        """The same as plain values."""
        return asdict(self)


def check(database: Database, blobs: Blobs, *, contents: bool = True) -> Iterator[Finding]:
    """Everything that is damaged, as it is found. Nothing is changed.

    It may run beside the service: the database is read as it was at one moment, and a content that
    a collector removes meanwhile is no finding.

    Args:
        contents: read and hash every content; otherwise only look whether each has its size.
    """
    before = 0
    for finding in _check_database(database):
        before += 1
        yield finding
    try:
        with database.read() as connection:
            yield from (Finding(*found) for found in check_history(connection))
    except (TicketHubError, SQLAlchemyError, ValueError, TypeError, struct.error) as error:
        if not before:
            yield Finding("database", "history", f"cannot be read: {error}")
    try:
        yield from (Finding(*found) for found in check_contents(database, blobs, full=contents))
    except (TicketHubError, SQLAlchemyError, ValueError, TypeError, struct.error) as error:
        if not before:
            yield Finding("database", "objects", f"cannot be read: {error}")


def _check_database(database: Database) -> Iterator[Finding]:
    try:
        if database.is_sqlite:
            yield from _check_sqlite(database)
        for table in Base.metadata.sorted_tables:
            yield from _check_table(database, table)
    except (TicketHubError, SQLAlchemyError, ValueError, TypeError, struct.error) as error:
        yield Finding("database", database.url.rpartition("/")[2], f"cannot be read: {error}")


def _check_sqlite(database: Database) -> Iterator[Finding]:
    """SQLite's own check of its pages and indexes, and whether the schema is what it was."""
    with database.read() as connection:
        for (line,) in connection.execute(text("PRAGMA integrity_check")):
            if line != "ok":
                yield Finding("database", "pages", line)
        for row in connection.execute(text("PRAGMA foreign_key_check")):
            yield Finding("row", str(row[0]), f"refers to a row of {row[2]} that is missing")
        if _schema(connection) != _expected_schema():
            yield Finding("database", "schema", "is not the one that this version made")
    yield from _check_words(database)


def _check_words(database: Database) -> Iterator[Finding]:
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
        yield Finding("database", "index of words", f"{problem}; `ticket hub index --rebuild`")


def _schema(connection: Connection) -> tuple[tuple[str, ...], ...]:
    statement = text("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY 1, 2")
    tables = tuple(tuple(str(value) for value in row) for row in connection.execute(statement))
    version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return (*tables, (str(version), newest_version()))


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


def _check_table(database: Database, table: Table) -> Iterator[Finding]:
    """Every row against the digest that it carries."""
    keys = [column.name for column in table.primary_key]
    with database.read() as connection:
        for row in connection.execution_options(yield_per=1000).execute(select(table)):
            values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's name for it
            name = "/".join(str(values[key]) for key in keys)
            if _digest(table, values) != values["digest"]:
                yield Finding("row", f"{table.name}: {name}", "has changed on disk")


def _digest(table: Table, values: dict[str, object]) -> str:
    try:
        return row_digest(table.name, values)
    except (ValueError, TypeError):
        return "not a row that was written"
