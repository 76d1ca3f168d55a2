"""Whether anybody has changed the database: asked in one short step, and right across processes.

Both databases can say it themselves, so nobody who writes has to think of it, whatever program it
is that writes:

- SQLite counts the commits of other connections (`PRAGMA data_version`), in microseconds.
- PostgreSQL names the set of transactions that a question would see (`pg_current_snapshot`). A
  transaction joins that set before its commit is acknowledged, and never leaves it. So two equal
  snapshots see the same rows; and what was acknowledged to anybody before the question is in it.
"""

from __future__ import annotations

import sqlite3

from sqlalchemy import make_url
from sqlalchemy.engine import Connection

from ticket_hub.errors import HubUnavailableError
from ticket_hub_api.store.database import Database, explained

__all__ = ["DatabaseWatch"]

_SNAPSHOT = "SELECT CAST(pg_current_snapshot() AS text)"


class DatabaseWatch:
    """Looks at a database over a connection of its own, by which nobody writes.

    Attributes:
        quick: whether a look takes microseconds, and need not be made in another thread.
    """

    def __init__(self, database: Database) -> None:
        """Watch a database; on PostgreSQL it is connected to at the first look."""
        self.quick = database.is_sqlite
        self._database = database
        self._connection: Connection | None = None
        self._sqlite: sqlite3.Connection | None = None
        if self.quick:
            path = make_url(database.url).database or ""
            self._sqlite = sqlite3.connect(path, isolation_level=None, check_same_thread=False)

    def version(self) -> str:
        """What is equal to an earlier version only where nothing was committed in between.

        One thread at a time may ask.

        Raises:
            HubUnavailableError: the database does not answer.
        """
        if self._sqlite is not None:
            return str(self._sqlite.execute("PRAGMA data_version").fetchone()[0])
        try:
            return self._snapshot()
        except HubUnavailableError:  # it may have been started anew since the last look
            return self._snapshot()

    def _snapshot(self) -> str:
        with explained():
            try:
                if self._connection is None:
                    reader = self._database.reader
                    self._connection = reader.connect().execution_options(
                        isolation_level="AUTOCOMMIT"
                    )
                    self._connection.detach()  # else the pool would have one less for requests
                version: str = self._connection.exec_driver_sql(_SNAPSHOT).scalar_one()
            except BaseException:
                self.close()
                raise
        return version

    def close(self) -> None:
        """Stop watching."""
        if self._sqlite is not None:
            self._sqlite.close()
        if self._connection is not None:
            self._connection.close()
            self._connection = None
