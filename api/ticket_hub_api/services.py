"""What every request handler uses: settings, database, storage, signatures, remembered answers."""

from __future__ import annotations

import hashlib
import logging
import sqlite3
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from sqlalchemy import make_url
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from ticket_hub.errors import TicketHubError
from ticket_hub_api.auth import authenticate, principal_of_token
from ticket_hub_api.catalog.database import Database
from ticket_hub_api.catalog.tables import Repository
from ticket_hub_api.jobs import tokens
from ticket_hub_api.jobs.queue import JobQueue
from ticket_hub_api.limits import Buckets, Share
from ticket_hub_api.observing.metrics import Metrics
from ticket_hub_api.principals import Principal
from ticket_hub_api.settings import Settings
from ticket_hub_api.signing import Signer, load_signer
from ticket_hub_api.storage.blobs import Blobs, open_blobs
from ticket_hub_api.torch_process import TorchProcess

__all__ = ["ResponseCache", "Services", "get_or_make", "services_of"]

_log = logging.getLogger("ticket_hub_api")
T = TypeVar("T")
MEMORY_ENTRIES = 1024
ANONYMOUS_SHARE = 0.1
MAX_WAITING = 64


class ResponseCache:
    """Answers that hold until anybody changes the database.

    SQLite tells whether another connection has committed (`PRAGMA data_version`), at the cost of a
    few microseconds and across processes. With another database nothing is remembered.
    """

    def __init__(self, database: Database) -> None:
        """Watch a database."""
        self._watch: sqlite3.Connection | None = None
        if database.is_sqlite:
            path = make_url(database.url).database or ""
            self._watch = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._version = -1
        self.checks = 0  # how often it was looked whether everything still holds
        self._entries: OrderedDict[Hashable, Any] = OrderedDict()

    def version(self, since: int | None = None) -> int:
        """A number that changes with the database; to be called on the event loop.

        Args:
            since: what `checks` was when a request came. If it was looked since then, for whatever
                request, that is good enough.
        """
        if since is not None and self.checks != since:
            return self._version
        self.checks += 1
        if self._watch is None:
            return -1
        version: int = self._watch.execute("PRAGMA data_version").fetchone()[0]
        if version != self._version:
            self._entries.clear()
            self._version = version
        return version

    async def get_or_make(
        self, key: Hashable, make: Callable[[], T], since: int | None = None
    ) -> T:
        """What is remembered under a key, or what `make` returns in another thread.

        Args:
            key: what tells the answer from all others, with the caller where it depends on that.
            make: makes the answer out of the database.
            since: as `version` takes it.
        """
        before = self.version(since)
        if before >= 0 and key in self._entries:
            value: T = self._entries[key]
            return value
        value = await run_in_threadpool(make)
        self.keep(key, value, before)
        return value

    def known(self, key: Hashable) -> Any:  # noqa: ANN401 - whatever was kept
        """What was kept under a key and still holds, or None; to be called after `version`."""
        return self._entries.get(key)

    def keep(self, key: Hashable, value: object, version: int) -> None:
        """Keep what was made at a version, unless the database has changed since."""
        if version < 0 or version != self.version():
            return
        self._entries[key] = value
        if len(self._entries) > MEMORY_ENTRIES:
            self._entries.popitem(last=False)

    def close(self) -> None:
        """Stop watching."""
        if self._watch is not None:
            self._watch.close()


class Services:
    """Everything that one running service shares between its requests."""

    def __init__(self, settings: Settings) -> None:
        """Open the database and the storage, which must exist."""
        self.settings = settings
        self.database = Database(settings.database_url)
        self.blobs: Blobs = open_blobs(settings.storage_url, settings.spool)
        self.signer: Signer = load_signer(self.database)
        self.memory = ResponseCache(self.database)
        self.downloads: Counter[str] = Counter()
        self.metrics = Metrics(self.database)
        self.jobs = JobQueue(self.database)
        self.requests = Buckets(settings.requests_per_minute)
        self.failures = Buckets(settings.failures_per_minute)
        self.anonymous = Share(ANONYMOUS_SHARE, MAX_WAITING)
        self.unindexed = True  # until it was seen that no crash has left any
        self.torch_process = TorchProcess(self)

    async def principal(self, secret: str) -> Principal:
        """The caller whose token this is; raises as `authenticate`."""
        if secret.startswith(tokens.PREFIX):
            claims = tokens.read_job_token(self.signer, secret)
            return await run_in_threadpool(tokens.authenticate_job, self.database, claims)
        key = hashlib.sha256(secret.encode()).digest()
        return await self._principal(key, lambda: authenticate(self.database, secret))

    async def principal_of_token(self, token_id: str) -> Principal:
        """The caller who signed in with this token; raises as `authenticate`."""
        return await self._principal(token_id, lambda: principal_of_token(self.database, token_id))

    async def _principal(self, key: Hashable, make: Callable[[], Principal]) -> Principal:
        principal = await self.memory.get_or_make(("principal", key), make)
        return await run_in_threadpool(make) if principal.expired else principal

    def index(self, repository_id: str, oid: str) -> None:
        """Enter a commit that was made into the catalog; what fails now is tried again later."""
        from ticket_hub_api.catalog.indexing import index_commit, is_entered

        try:
            if not is_entered(self, repository_id, oid):
                self.torch_process.call(index_commit, repository_id, oid)
        except TicketHubError:
            _log.warning("The catalog could not be filled; it is tried again later.")
            self.unindexed = True

    def index_rest(self) -> None:
        """Enter the commits that were not entered before.

        Raises:
            HubUnavailableError, StorageError: as every use of the database and the storage.
        """
        from ticket_hub_api.catalog.indexing import index_pending, pending_commits

        if not self.unindexed:
            return
        self.unindexed = False  # at first: what fails meanwhile is looked for the next time
        try:
            if pending_commits(self):
                self.torch_process.call(index_pending)
        except TicketHubError:
            self.unindexed = True
            raise

    def flush_downloads(self) -> None:
        """Add the downloads since the last time to the repositories' counts.

        Raises:
            HubUnavailableError: the database is busy; nothing is lost.
        """
        counted = dict(self.downloads)
        if not counted:
            return

        def add(session: Session) -> None:
            for repository_id, count in sorted(counted.items()):
                row = session.get(Repository, repository_id)
                if row is not None:
                    row.downloads += count

        self.database.transact(add)
        self.downloads.subtract(counted)
        self.downloads = +self.downloads

    def close(self) -> None:
        """Give back what was opened."""
        self.torch_process.close()
        self.memory.close()
        self.database.close()


async def get_or_make(request: Request, key: Hashable, make: Callable[[], T]) -> T:
    """What is remembered under a key, or what `make` returns; see `ResponseCache.get_or_make`.

    A request looks once whether the database has changed, mostly while the caller is admitted.
    """
    memory = services_of(request).memory
    return await memory.get_or_make(key, make, request.scope.get("checks"))


def services_of(request: Request) -> Services:
    """The services of the application that serves this request."""
    services: Services = request.app.state.services
    return services
