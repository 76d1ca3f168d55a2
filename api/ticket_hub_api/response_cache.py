"""Answers that are kept for as long as nobody changes the database.

A hub is read a thousand times for each time it is written to. So an answer that is made of nothing
but the request, its caller and the database is kept, and sent again until anybody commits anything:
a look at the database (`catalog.watch`) tells. The look begins after the request has come, so no
answer is older than what was acknowledged to anybody before the request.

What it buys (benchmarks/README.md has the figures): on SQLite answers at half the rate of a route
that answers from memory and checks nothing; on PostgreSQL one round trip instead of two to four.
The setting `response_cache` turns it off: then every request asks the database.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ticket_hub.errors import TicketHubError
from ticket_hub_api.accounts.principals import Principal
from ticket_hub_api.limits import Buckets, network_of
from ticket_hub_api.store.watch import DatabaseWatch

__all__ = ["CachedResponses", "ResponseCache", "cacheable"]

T = TypeVar("T")
MAX_ENTRIES = 1024
MAX_BODY = 64 << 10  # bytes
READING = frozenset({"GET", "HEAD"})
# Whoever sends one of these may get another answer than the whole one.
_CONDITIONS = frozenset({b"range", b"if-none-match", b"if-range", b"if-modified-since"})
_VARYING = frozenset({b"host", b"authorization"})  # what answers depend on, besides the address


class ResponseCache:
    """Values that hold until anybody changes the database; to be used on the event loop.

    Attributes:
        begun: how many looks at the database were begun.
    """

    def __init__(self, watch: DatabaseWatch | None) -> None:
        """Keep values while what is watched stays as it is; without a watch nothing is kept."""
        self.begun = 0
        self._watch = watch
        self._ended = 0
        self._version: str | None = None
        self._entries: OrderedDict[Hashable, Any] = OrderedDict()
        self._looking: asyncio.Future[None] | None = None
        self._thread = ThreadPoolExecutor(1, "database-watch")  # not to wait for busy requests

    async def version(self, since: int | None = None) -> str | None:
        """What tells the database as it is now from all that it was; None where nothing is kept.

        Args:
            since: what `begun` was when a request came: a look that was begun later, for whatever
                request, is good enough. So requests that come together share one.

        Raises:
            HubUnavailableError: the database does not answer.
        """
        if self._watch is None:
            return None
        since = self.begun if since is None else since
        # Until a look has ended that was begun after the request came.
        while self._ended <= since:
            if self._watch.quick:
                self.begun += 1
                self._see(self.begun, self._watch.version())
            else:
                if self._looking is None:
                    self._looking = asyncio.ensure_future(self._look(self._watch))
                await asyncio.shield(self._looking)  # others wait for it, too
        return self._version

    async def _look(self, watch: DatabaseWatch) -> None:
        self.begun += 1
        number, loop = self.begun, asyncio.get_running_loop()
        try:
            self._see(number, await loop.run_in_executor(self._thread, watch.version))
        finally:
            self._looking = None

    def _see(self, number: int, version: str) -> None:
        self._ended = number
        if version != self._version:
            # What changed is not known, so nothing may stay.
            self._entries.clear()
            self._version = version

    def get(self, key: Hashable) -> Any:  # noqa: ANN401 - whatever was kept
        """What was kept under a key, or None. It holds if `version` was called before."""
        return self._entries.get(key)

    def keep(self, key: Hashable, value: object, version: str | None) -> None:
        """Keep what was read after `version` was seen, unless another was seen since."""
        # Somebody has committed while it was read: it may be of before or of after.
        if version is None or version != self._version:
            return
        self._entries[key] = value
        if len(self._entries) > MAX_ENTRIES:
            self._entries.popitem(last=False)

    async def get_or_make(
        self, key: Hashable, make: Callable[[], T], since: int | None = None
    ) -> T:
        """What was kept under a key, or what `make` reads from the database in another thread.

        Args:
            key: what tells the value from all others, with the caller where it depends on that.
            make: makes the value; never None.
            since: what `begun` was when a request came: a look that was begun later is enough.

        Raises:
            HubUnavailableError: the database does not answer. And what `make` raises.
        """
        version = await self.version(since)
        value: T | None = self._entries.get(key)
        if value is None:
            value = await run_in_threadpool(make)
            self.keep(key, value, version)
        return value

    def close(self) -> None:
        """Stop watching."""
        self._thread.shutdown()
        if self._watch is not None:
            self._watch.close()


@dataclass(frozen=True, kw_only=True)
class _Kept:
    """A whole answer, and what the log and the limits want to know of its request."""

    messages: tuple[Message, ...]
    principal: Principal
    scope: dict[str, Any]


@dataclass
class _Candidate:
    """A request whose answer may be kept: when it came, and what its route finds out of it."""

    looks: int
    version: str | None = None
    messages: list[Message] = field(default_factory=list)
    size: int = 0


async def cacheable(request: Request) -> None:
    """The dependency of a route whose answers are made of the request and the database alone.

    They may depend on the address, the headers Host and Authorization, and on what the caller may
    see; and on nothing else.

    Raises:
        HubUnavailableError: the database does not answer.
    """
    candidate: _Candidate | None = request.scope.get("candidate")
    if candidate is not None:
        cache: ResponseCache = request.app.state.services.cache
        candidate.version = await cache.version(candidate.looks)


class CachedResponses:
    """Wraps the application: sends what is kept, and keeps what a `cacheable` route answers."""

    def __init__(self, app: ASGIApp, cache: ResponseCache, limits: Buckets) -> None:
        """Answer for an application; a kept answer counts as a request among `limits`."""
        self.app = app
        self._cache = cache
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the kept answer, or let the application answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope["looks"] = looks = self._cache.begun
        key = _key(scope)
        kept = None if key is None else await self._kept(key, looks)
        if kept is not None and self._admit(scope, kept.principal):
            scope.update(kept.scope)
            for message in kept.messages:
                await send(dict(message))
        elif key is None:
            await self.app(scope, receive, send)
        else:
            await self._answer(key, scope, receive, send)

    async def _kept(self, key: Hashable, looks: int) -> _Kept | None:
        """What is kept of a request and still holds."""
        if self._cache.get(key) is None:  # before the database is asked
            return None
        try:
            await self._cache.version(looks)
        except TicketHubError:  # the application says it in the caller's form
            return None
        # Once more: where the look saw a change, everything was dropped.
        kept: _Kept | None = self._cache.get(key)
        return None if kept is None or kept.principal.expired else kept

    def _admit(self, scope: Scope, principal: Principal) -> bool:
        """Count the request; where there were too many, the application says so."""
        caller = principal.account_id or network_of((scope.get("client") or ("",))[0])
        if self._limits.wait(caller):
            return False
        self._limits.take(caller)
        return True

    async def _answer(self, key: Hashable, scope: Scope, receive: Receive, send: Send) -> None:
        candidate = scope["candidate"] = _Candidate(scope["looks"])

        async def copied(message: Message) -> None:
            """Send a part of the answer, and keep a copy while the whole is small."""
            if candidate.version is not None:  # its route is `cacheable`; it read after that look
                candidate.messages.append(dict(message))  # others change its headers
                candidate.size += len(message.get("body", b""))
                if candidate.size > MAX_BODY:
                    candidate.version = None
                    candidate.messages.clear()
            await send(message)

        await self.app(scope, receive, copied)
        principal: Principal | None = scope.get("principal")
        if not candidate.messages or candidate.messages[0]["status"] != 200:  # noqa: PLR2004 - OK
            return
        # A job has a token without an id, which ends with time, and its scope does not say when.
        if principal is None or not (principal.anonymous or principal.token_id):
            return
        about = {name: scope[name] for name in ("route", "path_params", "account") if name in scope}
        kept = _Kept(messages=tuple(candidate.messages), principal=principal, scope=about)
        self._cache.keep(key, kept, candidate.version)


def _key(scope: Scope) -> Hashable:
    """What tells a request from all that may be answered otherwise; None where none is kept."""
    if scope["method"] not in READING:
        return None
    varying: list[bytes] = []
    for name, value in scope["headers"]:
        if name in _CONDITIONS:
            return None
        if name in _VARYING:  # tokens are kept nowhere, so neither here
            varying += name, hashlib.sha256(value).digest()
    return (
        scope["method"], scope.get("raw_path") or scope["path"], scope["query_string"],
        scope["scheme"],
        scope.get("server"), *varying,
    )  # fmt: skip
