"""The connection to the database: many readers, one writer at a time, and no silent waiting.

On SQLite: write-ahead log, synchronized on every commit, `BEGIN IMMEDIATE` for whoever will write.
On PostgreSQL: writers lock the row of the repository that they change. Two that enter the same
content or name at the same moment, or change the same row, meet only when the second one writes:
its transaction is then begun again, and finds what the first one made.
"""

from __future__ import annotations

import contextlib
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from ticket_hub.errors import HubUnavailableError, StorageError
from ticket_hub_api.store import digests, job_tables, ticket_tables
from ticket_hub_api.store.listeners import INFO, Listener

__all__ = ["Database", "explained"]

PATIENCE_SECONDS = 10.0
READERS = 40
MAX_TURNS = 20
PAUSE_SECONDS = 0.01
TABLES = (job_tables, ticket_tables)  # whoever opens a database knows all of it: see `digests`
_T = TypeVar("_T")
_CONFLICTS = frozenset({
    "23503",  # what was referred to was removed in between
    "23505",  # the same was entered in between
    "40001",  # could not be put into an order
    "40P01",  # two waited for each other
})  # fmt: skip
_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",  # what was answered survives a power cut
    "PRAGMA foreign_keys=ON",
    "PRAGMA cache_size=-4096",  # in KiB, for each of up to forty readers
)


class Database:
    """Hands out short transactions.

    Attributes:
        listeners: who is told of commits, in their transactions.

    Raises (from every transaction):
        HubUnavailableError: the database is busy or does not answer; try again.
        StorageError: its disk is full.
    """

    def __init__(self, url: str, *, patience: float = PATIENCE_SECONDS) -> None:
        """Open a database; nothing is created but SQLite's folder.

        Args:
            url: as SQLAlchemy takes it.
            patience: how many seconds to wait for others before giving up.
        """
        # Before any session: from now on each row gets its digest as it is written.
        digests.install()
        self.listeners: list[Listener] = []
        self.url = url
        self.patience = patience
        self.is_sqlite = make_url(url).get_backend_name() == "sqlite"
        if self.is_sqlite:
            Path(make_url(url).database or "").parent.mkdir(parents=True, exist_ok=True)
        self.reader = self._engine("BEGIN", READERS)
        # SQLite has one writer: others wait for its connection, in turn, and not at its lock.
        self.writer = self._engine("BEGIN IMMEDIATE", 1) if self.is_sqlite else self.reader

    def _engine(self, begin: str, size: int) -> Engine:
        spare = 0 if self.is_sqlite else READERS  # a commit that reads contents takes a second one
        engine = create_engine(
            self.url,
            pool_size=size,
            max_overflow=spare,
            pool_timeout=self.patience,
            hide_parameters=True,  # values never get into error messages, and so into logs
        )
        if self.is_sqlite:
            event.listen(engine, "connect", self._prepare_sqlite)
            event.listen(engine, "begin", lambda connection: _begin(connection, begin))
        return engine

    def _prepare_sqlite(self, connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # transactions begin as `_begin` says, not by guesses
        connection.execute(f"PRAGMA busy_timeout={int(self.patience * 1000)}")
        for pragma in _PRAGMAS:
            connection.execute(pragma)

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """The database: on SQLite as it was at one moment, on PostgreSQL as at each question."""
        # Without BEGIN and ROLLBACK, each of which costs a round trip to PostgreSQL.
        options = {} if self.is_sqlite else {"isolation_level": "AUTOCOMMIT"}
        with explained(), self.reader.connect().execution_options(**options) as connection:
            yield connection

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """All of the database as it was at one moment, for as many questions as there are."""
        options = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
        with explained(), self.reader.connect().execution_options(**options) as connection:
            yield connection

    @contextlib.contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that is committed at the end, or leaves no trace."""
        with explained(), self._transaction() as session:
            yield session

    def transact(self, act: Callable[[Session], _T]) -> _T:
        """What `act` returns of a transaction that is committed at its end, or leaves no trace.

        Where somebody else was faster with the same content, name or row, all of it is done again,
        up to twenty times: `act` must look anew at each turn, and keep nothing of the one before.
        """
        with explained():
            for turn in range(1, MAX_TURNS):
                try:
                    with self._transaction() as session:
                        return act(session)
                # An error at the commit counts too: PostgreSQL may find the conflict only there.
                except (DBAPIError, StaleDataError) as error:
                    if not _is_conflict(error):
                        raise
                # Of random length, so that those who met do not meet again at once.
                time.sleep(random.uniform(0, turn * PAUSE_SECONDS))  # noqa: S311 - no secret
            with self._transaction() as session:
                return act(session)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[Session]:
        told = {INFO: self.listeners}
        with Session(self.writer, expire_on_commit=False, info=told) as session, session.begin():
            yield session

    def close(self) -> None:
        """Give all connections back."""
        self.reader.dispose()
        self.writer.dispose()


def _begin(connection: Connection, statement: str) -> None:
    connection.exec_driver_sql(statement)


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Turn what the database's driver raises into errors of the hub.

    Raises:
        HubUnavailableError, StorageError: as every transaction.
    """
    try:
        yield
    except PoolTimeoutError as error:
        raise _busy() from error
    except OperationalError as error:
        cause: Any = error.orig
        if "full" in str(cause) or getattr(cause, "sqlstate", "") == "53100":
            raise StorageError(
                "The disk of the hub's database is full.", "Free some space, then try again."
            ) from error
        raise _busy() from error
    except (IntegrityError, StaleDataError) as error:  # somebody was faster, time and again
        raise _busy() from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise _busy() from error
        raise


def _is_conflict(error: DBAPIError | StaleDataError) -> bool:
    """Whether a transaction met another one, and would go well if it were begun again."""
    if isinstance(error, StaleDataError):  # the row had another digest than when it was read
        return True
    return getattr(error.orig, "sqlstate", "") in _CONFLICTS


def _busy() -> HubUnavailableError:
    return HubUnavailableError("The hub's database is busy.", "Try again in a few seconds.")
