"""Routes of the REST API: declared and parsed by FastAPI, with a limit on their bodies."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter
from starlette.convertors import Convertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive

from ticket_hub_api.auth import Requires
from ticket_hub_api.matching import LiteralStart
from ticket_hub_api.services import services_of

__all__ = ["MOST_BODY", "RememberedRoute", "RestRoute", "rest_router"]

MOST_BODY = 4 << 20  # bytes
MOST_REMEMBERED = 64 << 10  # bytes
_CONDITIONS = frozenset({"range", "if-none-match", "if-range"})
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


class RestRoute(LiteralStart):
    """A route that reads no more of a body than `MOST_BODY`, and answers 413 to a larger one."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What FastAPI makes of the route, behind the limit."""
        handle = super().get_route_handler()

        async def limited(request: Request) -> Response:
            length = request.headers.get("content-length", "")
            if length.isdigit() and int(length) > MOST_BODY:
                raise _too_large()
            return await handle(Request(request.scope, _limited(request.receive)))

        return limited


class RememberedRoute(RestRoute):
    """A route whose answers to GET hold, for one caller, until anybody changes the database."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Admit the caller, then answer from memory or anew."""
        handle = super().get_route_handler()
        guards = [d.call for d in self.dependant.dependencies if isinstance(d.call, Requires)]

        async def remembered(request: Request) -> Response:
            if request.method != "GET" or not _CONDITIONS.isdisjoint(request.headers.keys()):
                return await handle(request)
            caller = await guards[0](request)
            key = ("rest", caller.account_id, caller.scope, request.url.path, request.url.query)
            memory = services_of(request).memory
            version = memory.version()
            known: tuple[bytes, dict[str, str]] | None = memory.known(key)
            if known is not None:
                return Response(known[0], headers=known[1])
            response = await handle(request)
            if response.status_code == 200 and _is_small_json(response):  # noqa: PLR2004 - OK
                memory.keep(key, (bytes(response.body), dict(response.headers)), version)
            return response

        return remembered


def _is_small_json(response: Response) -> bool:
    whole = isinstance(response, JSONResponse) or response.media_type == _JSON
    return whole and len(getattr(response, "body", bytes(MOST_REMEMBERED + 1))) <= MOST_REMEMBERED


def _limited(receive: Receive) -> Receive:
    """Count what comes, since a body need not say its length."""
    size = 0

    async def counted() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > MOST_BODY:
            raise _too_large()
        return message

    return counted


def _too_large() -> HTTPException:
    return HTTPException(413, f"The body is larger than {MOST_BODY} bytes.")


def rest_router(prefix: str, *tags: str, remember: bool = False) -> APIRouter:
    """A router for a part of the REST API.

    Args:
        prefix: how its addresses begin.
        tags: what it is about.
        remember: whether its answers are made of nothing but the request and the database.
    """
    kind = RememberedRoute if remember else RestRoute
    return APIRouter(prefix=prefix, tags=[*tags], route_class=kind)
