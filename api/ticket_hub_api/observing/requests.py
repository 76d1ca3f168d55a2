"""Every request gets an id, a log line and a place in the figures."""

from __future__ import annotations

import logging
import re
import secrets
import time
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ticket_hub_api.observing.logs import FIELDS, REQUEST_ID
from ticket_hub_api.observing.metrics import Metrics

__all__ = ["NO_ROUTE", "Observed"]

NO_ROUTE = "(none)"
_log = logging.getLogger("ticket_hub_api.requests")
_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Observed:
    """Wraps the application.

    The id is the client's `X-Request-Id` where that is harmless, else a new one; it is in the
    answer, in every log line, and in `scope["request_id"]`. Logged is the route's pattern and the
    names of owner and repository, never the address itself: it may carry a permission.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        """Observe an application."""
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, and say what became of it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        identifier = _identifier(scope)
        scope["request_id"] = identifier
        REQUEST_ID.set(identifier)  # the server runs each request in a context of its own
        seen = {"status": 500, "bytes": 0}

        async def observed(message: Message) -> None:
            _look(message, seen, identifier)
            await send(message)

        started = time.perf_counter()
        try:
            await self.app(scope, receive, observed)
        finally:
            self._report(scope, seen, time.perf_counter() - started)

    def _report(self, scope: Scope, seen: dict[str, int], seconds: float) -> None:
        route = getattr(scope.get("route"), "path", NO_ROUTE)
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        self.metrics.answered(method, route, seen["status"], seconds)
        if _log.isEnabledFor(logging.INFO):
            fields = {"method": method, "route": route, **_who(scope), **seen}
            fields["milliseconds"] = round(seconds * 1000, 1)
            _log.info("answered", extra={FIELDS: fields})


def _look(message: Message, seen: dict[str, int], identifier: str) -> None:
    if message["type"] == "http.response.start":
        seen["status"] = message["status"]
        message["headers"] = [*message.get("headers", ()), (b"x-request-id", identifier.encode())]
    elif message["type"] == "http.response.body":
        seen["bytes"] += len(message.get("body", b""))


def _identifier(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _ID.fullmatch(value):
            return str(value, "ascii")
    return secrets.token_hex(8)


def _who(scope: Scope) -> dict[str, Any]:
    names = scope.get("path_params", {})
    known = {name: names[name] for name in ("namespace", "name", "owner") if name in names}
    address = (scope.get("client") or ("", 0))[0]
    return {**known, "account": scope.get("account", ""), "address": address}
