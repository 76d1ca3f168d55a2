"""Every request gets an id, a log line and a place in the figures."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import json
import random
import re
import time
from typing import IO

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ticket_hub_api.observing.logs import REQUEST_ID, without_secrets
from ticket_hub_api.observing.metrics import Metrics

__all__ = ["NO_ROUTE", "Observed"]

NO_ROUTE = "(none)"
"""Stands for all paths that no route has: a label for each would fill the memory."""
_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_NAMES = ("owner", "namespace", "name")
_SHORT = 200  # characters
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Observed:
    """Wraps the application.

    The id is the client's `X-Request-Id` where that is harmless, else a new one; it is in the
    answer, in every log line, and in `scope["request_id"]`. Logged is the route's pattern and the
    names of owner and repository, never the address itself: it may carry a permission.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, log: IO[str] | None = None) -> None:
        """Observe an application; its requests are written to `log`, which others flush."""
        self.app = app
        self.metrics = metrics
        self.log = log

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
            """Note status and size of an answer as it goes out."""
            if message["type"] == "http.response.start":
                seen["status"] = message["status"]
                others = [each for each in message.get("headers", ()) if each[0] != b"x-request-id"]
                message["headers"] = [*others, (b"x-request-id", identifier.encode())]
            elif message["type"] == "http.response.body":
                seen["bytes"] += len(message.get("body", b""))
            await send(message)

        started = time.perf_counter()
        try:
            await self.app(scope, receive, observed)
        finally:
            seconds = time.perf_counter() - started
            route = getattr(scope.get("route"), "path_format", NO_ROUTE)
            method = scope["method"] if scope["method"] in _METHODS else "OTHER"
            self.metrics.answered(method, route, seen["status"], seconds)
            if self.log is not None:
                with contextlib.suppress(OSError):  # its disk is full; the answer has gone out
                    self.log.write(_line(scope, method, route, seen, seconds))


def _line(scope: Scope, method: str, route: str, seen: dict[str, int], seconds: float) -> str:
    """What `logs.JsonLines` would make of it, at a tenth of the time: each request pays for it."""
    names = scope.get("path_params", {})
    named = "".join(f'"{key}": {_text(str(names[key]))}, ' for key in _NAMES if key in names)
    now = time.time()
    moment = f"{_second(int(now))}.{int(now % 1 * 1000):03d}+00:00"
    return (
        f'{{"time": "{moment}", "level": "info", "logger": "ticket_hub_api.requests", '
        f'"message": "answered", "request": "{scope["request_id"]}", "method": "{method}", '
        f'"route": {_text(route)}, {named}"account": {_text(scope.get("account", ""))}, '
        f'"address": {_text((scope.get("client") or ("",))[0])}, "status": {seen["status"]}, '
        f'"bytes": {seen["bytes"]}, "milliseconds": {seconds * 1000:.1f}}}\n'
    )


@functools.lru_cache(maxsize=2)
def _second(second: int) -> str:
    return dt.datetime.fromtimestamp(second, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _text(text: str) -> str:
    """As JSON, with its quotes and without secrets; mostly the same few come again and again."""
    return _short_text(text) if len(text) <= _SHORT else _any_text(text)


def _any_text(text: str) -> str:
    return json.dumps(without_secrets(text))


_short_text = functools.lru_cache(maxsize=4096)(_any_text)


def _identifier(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _ID.fullmatch(value):
            return str(value, "ascii")
    return f"{random.getrandbits(64):016x}"
