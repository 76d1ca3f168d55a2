"""Routes of the REST API: declared and parsed by FastAPI, with a limit on their bodies."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.convertors import Convertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send

from ticket_hub_api.auth import Requires
from ticket_hub_api.services import services_of

__all__ = ["MAX_BODY", "RememberedRoute", "RestRoute", "rest_router"]

MAX_BODY = 4 << 20  # bytes
MAX_REMEMBERED = 64 << 10  # bytes
_CONDITIONS = frozenset({b"range", b"if-none-match", b"if-range"})
_READING = frozenset({"GET", "HEAD"})
_JSON = "application/json"


class IdentifierConvertor(Convertor[str]):
    """An identifier that `catalog.tables.new_id` made; so that no word is taken for one."""

    regex = "[0-9a-f]{24}"

    def convert(self, value: str) -> str:
        """The identifier as it is."""
        return value

    def to_string(self, value: str) -> str:
        """The identifier as it is."""
        return value


register_url_convertor("identifier", IdentifierConvertor())


class RestRoute(APIRoute):
    """A route that reads no more of a body than `MAX_BODY`, and answers 413 to a larger one."""

    @property
    def guard(self) -> Requires:
        """What admits callers to this route."""
        return next(d.call for d in self.dependant.dependencies if isinstance(d.call, Requires))

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What FastAPI makes of the route, behind the limit."""
        handle = super().get_route_handler()

        async def limited(request: Request) -> Response:
            length = request.headers.get("content-length", "")
            if length.isdigit() and int(length) > MAX_BODY:
                raise _too_large()
            if request.method not in _READING:  # FastAPI would parse the body first
                await self.guard(request)
            return await handle(Request(request.scope, _limited(request.receive)))

        return limited


class _Remembered(NamedTuple):
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...]


class RememberedRoute(RestRoute):
    """A route whose answers to GET hold, for one caller, until anybody changes the database.

    What is remembered is sent before FastAPI reads the request: it was read in the same words when
    the answer was made.
    """

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Admit the caller, then answer from memory or anew."""
        if scope["method"] != "GET" or "GET" not in (self.methods or ()) or _is_conditional(scope):
            await super().handle(scope, receive, send)
            return
        request = Request(scope, receive)
        memory = services_of(request).memory
        checks = memory.checks
        caller = await self.guard(request)
        version = memory.version(since=checks)
        key = ("rest", caller.account_id, caller.scope, scope["path"], scope["query_string"])
        known: _Remembered | None = memory.known(key)
        if known is not None:
            start = {"type": "http.response.start", "status": 200, "headers": known.headers}
            await send(start)
            await send({"type": "http.response.body", "body": known.body})
            return
        scope["remember"] = key, version
        await super().handle(scope, receive, send)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Answer anew, and keep the answer where `handle` asks for it."""
        make = super().get_route_handler()

        async def kept(request: Request) -> Response:
            response = await make(request)
            wanted = request.scope.get("remember")
            if wanted and response.status_code == 200 and _is_small_json(response):  # noqa: PLR2004 - OK
                answer = _Remembered(bytes(response.body), tuple(response.raw_headers))
                services_of(request).memory.keep(wanted[0], answer, wanted[1])
            return response

        return kept


def _is_conditional(scope: Scope) -> bool:
    return any(name in _CONDITIONS for name, _ in scope["headers"])


def _is_small_json(response: Response) -> bool:
    whole = isinstance(response, JSONResponse) or response.media_type == _JSON
    return whole and len(getattr(response, "body", bytes(MAX_REMEMBERED + 1))) <= MAX_REMEMBERED


def _limited(receive: Receive) -> Receive:
    """Count what comes, since a body need not say its length."""
    size = 0

    async def counted() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > MAX_BODY:
            raise _too_large()
        return message

    return counted


def _too_large() -> HTTPException:
    return HTTPException(413, f"The body is larger than {MAX_BODY} bytes.")


def rest_router(prefix: str, *tags: str, remember: bool = False) -> APIRouter:
    """A router for a part of the REST API.

    Args:
        prefix: how its addresses begin.
        tags: what it is about.
        remember: whether its answers are made of nothing but the request and the database.
    """
    kind = RememberedRoute if remember else RestRoute
    return APIRouter(prefix=prefix, tags=[*tags], route_class=kind)
