"""Routes of the REST API: declared and parsed by FastAPI, and strict about what is sent."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Depends
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.convertors import Convertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive

from ticket_hub.registry import nearest
from ticket_hub_api.response_cache import READING, cacheable
from ticket_hub_api.web.guards import Requires
from ticket_hub_api.web.requests import MAX_BODY

__all__ = ["RestRoute", "rest_router"]


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
    """A route that reads no more of a body than `MAX_BODY`, and answers 413 to a larger one.

    A parameter in the address that it does not know is answered with 422: a misspelled filter
    would list everything.
    """

    @property
    def guard(self) -> Requires:
        """What admits callers to this route."""
        return next(d.call for d in self.dependant.dependencies if isinstance(d.call, Requires))

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What FastAPI makes of the route, behind the limit."""
        handle = super().get_route_handler()
        # Whoever asks after the service's health may put a number there, against caches.
        known = _parameters(self.dependant) if self.path.startswith("/api/v1/") else None

        async def limited(request: Request) -> Response:
            """Refuse a body that is too large, and a caller without rights, before it is read."""
            length = request.headers.get("content-length", "")
            if length.isdigit() and int(length) > MAX_BODY:
                raise _too_large()
            if request.method not in READING:  # FastAPI would parse the body first
                await self.guard(request)
            if known is not None and (unknown := request.query_params.keys() - set(known)):
                raise _unknown_parameters(sorted(unknown), known)
            return await handle(Request(request.scope, _limited(request.receive)))

        return limited


def _parameters(dependant: Dependant) -> list[str]:
    """The names that may stand in the query of an address, in the order of their declaration."""
    own = [field.alias for field in dependant.query_params]
    return own + [name for each in dependant.dependencies for name in _parameters(each)]


def _unknown_parameters(names: list[str], known: list[str]) -> RequestValidationError:
    has = f"it has {', '.join(known)}" if known else "it takes none in its address"
    near = [f"; the nearest is {nearest(name, known)}" * bool(known) for name in names]
    return RequestValidationError(
        [
            {"loc": ("query", name), "msg": f"There is no such parameter{like}: {has}."}
            for name, like in zip(names, near, strict=True)
        ]
    )


def _limited(receive: Receive) -> Receive:
    """Count what comes, since a body need not say its length."""
    size = 0

    async def counted() -> Message:
        """The next part of the body, while there are not too many bytes."""
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > MAX_BODY:
            raise _too_large()
        return message

    return counted


def _too_large() -> HTTPException:
    return HTTPException(413, f"The body is larger than {MAX_BODY} bytes.")


def rest_router(prefix: str, *tags: str, cached: bool = False) -> APIRouter:
    """A router for a part of the REST API.

    Args:
        prefix: how its addresses begin.
        tags: what it is about.
        cached: whether its answers are made of nothing but the request and the database.
    """
    after = [Depends(cacheable)] if cached else []
    return APIRouter(prefix=prefix, tags=[*tags], route_class=RestRoute, dependencies=after)
