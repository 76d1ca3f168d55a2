"""What the routes share: bodies with limits, addresses, pages, the repository that a path names."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator, Callable
from typing import Annotated, TypeVar
from urllib.parse import parse_qsl, urlencode

from fastapi import Depends
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from ticket_hub_api.accounts.principals import Principal, Scope
from ticket_hub_api.errors import ApiError, bad_request
from ticket_hub_api.services import services_of
from ticket_hub_api.settings import is_loopback
from ticket_hub_api.store.blobs import Incoming
from ticket_hub_api.store.names import RepositoryKey, kind_of
from ticket_hub_api.web.guards import Requires

__all__ = [
    "ANYBODY",
    "Administrator",
    "Caller",
    "Reader",
    "Writer",
    "endpoint_of",
    "json_answer",
    "json_bytes",
    "next_link",
    "parse_body",
    "parse_fields",
    "parse_for",
    "place_of",
    "read_body",
    "read_bytes",
    "receive",
]

ANYBODY = Depends(Requires(Scope.ANYONE))
"""For routes that need no account."""
Caller = Annotated[Principal, ANYBODY]
"""Whoever asks, with or without a token."""
Reader = Annotated[Principal, Depends(Requires(Scope.READ))]
"""Who has a token that may read."""
Writer = Annotated[Principal, Depends(Requires(Scope.WRITE))]
"""Who has a token that may write."""
Administrator = Annotated[Principal, Depends(Requires(Scope.ADMIN))]
"""Who has a token of an operator."""
Model = TypeVar("Model", bound=BaseModel)
T = TypeVar("T")

MAX_BODY = 4 << 20  # bytes
LOOPBACK_HOSTS = {"localhost", "127.0.0.1", "[::1]"}
_PORT = re.compile(r":[0-9]{1,5}$")
_FLUSH = 1 << 20


def endpoint_of(request: Request) -> str:
    """The address that clients use for the hub, without a slash at its end.

    It is handed out with permissions in it, so a host that the client only says is believed where
    the operator named it, or where it is this machine's own; else it is the address that the
    connection came in on.
    """
    settings, scope = services_of(request).settings, request.scope
    address, port = scope.get("server") or ("127.0.0.1", None)
    said = request.headers.get("host", "")
    names = {said.lower(), _PORT.sub("", said.lower())}
    # First: such as a worker, which reaches the service beside the proxy that has the endpoint.
    if names & settings.known_hosts:
        return f"{scope['scheme']}://{said}"
    if settings.endpoint:
        return settings.endpoint.rstrip("/")
    if is_loopback(address) and names & LOOPBACK_HOSTS:
        return f"{scope['scheme']}://{said}"
    host = f"[{address}]" if ":" in address else address
    return f"{scope['scheme']}://{host}" + (f":{port}" if port else "")


def next_link(request: Request, **changes: str) -> dict[str, str]:
    """The header that leads to the next page: this request with some parameters changed."""
    pairs = [(k, v) for k, v in request.query_params.multi_items() if k not in changes]
    query = urlencode([*pairs, *changes.items()])
    path = request.scope["raw_path"].decode("ascii")
    return {"Link": f'<{endpoint_of(request)}{path}?{query}>; rel="next"'}


def place_of(request: Request) -> RepositoryKey:
    """The repository that the path names; without a kind it is a model.

    Raises:
        ApiError: 501 for spaces, 404 for other kinds.
    """
    names = request.path_params
    kind = kind_of(names.get("kind", "models"))
    return RepositoryKey(kind, f"{names['namespace']}/{names['name']}")


def json_bytes(value: object) -> bytes:
    """A JSON answer's body; it is what is remembered, so that it is made only once."""
    return bytes(JSONResponse(value).body)


def json_answer(content: bytes, headers: dict[str, str] | None = None) -> Response:
    """An answer with a body that `json_bytes` made."""
    return Response(content, headers=headers, media_type="application/json")


async def read_body(request: Request, model: type[Model], limit: int = MAX_BODY) -> Model:
    """The request's body as a model; for routes that demand a token.

    Raises:
        ApiError: 413 when it is too large, 400 when it is not what the model says.
    """
    return parse_body(await read_bytes(request, limit), model)


def parse_body(data: bytes, model: type[Model]) -> Model:
    """A body as a model.

    Raises:
        ApiError: 400 when it is not what the model says.
    """
    try:
        return model.model_validate_json(data or b"{}")
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}"
            for item in error.errors(include_url=False, include_input=False)[:5]
        )
        raise bad_request(f"The body is not valid: {problems}.") from error


async def read_bytes(request: Request, limit: int) -> bytes:
    """A small body.

    Raises:
        ApiError: 413 as soon as more than `limit` bytes have come.
    """
    _check_length(request, limit)
    data = bytearray()
    async for piece in request.stream():
        data += piece
        if len(data) > limit:
            raise too_large(limit)
    return bytes(data)


def parse_fields(data: bytes, most: int) -> list[tuple[str, str]]:
    """The fields of a form.

    Raises:
        ApiError: 400 when it has more than `most` fields.
    """
    try:
        text = data.decode("utf-8", errors="replace")
        return parse_qsl(text, keep_blank_values=True, max_num_fields=most)
    except ValueError as error:
        raise bad_request(f"A form may have {most} fields at most.") from error


async def parse_for(request: Request, caller: Principal, parse: Callable[[], T]) -> T:
    """Call what parses a body that anybody may send, in another thread.

    Without a token it runs in the small share of the time that all such callers have together.

    Raises:
        ApiError: what the function raises; 429 when too many callers without a token wait.
    """
    if caller.anonymous:
        return await services_of(request).anonymous.run(parse, request.is_disconnected)
    return await run_in_threadpool(parse)


def too_large(limit: int) -> ApiError:
    """The refusal of a body that is larger than it may be."""
    return ApiError(413, f"The body is larger than {limit} bytes.")


def _check_length(request: Request, limit: int) -> None:
    text = request.headers.get("content-length", "")
    if text.isdigit() and int(text) > limit:
        raise too_large(limit)


@contextlib.asynccontextmanager
async def receive(request: Request, limit: int) -> AsyncIterator[Incoming]:
    """A body of any size, written to disk and hashed while it comes; dropped at the end.

    Raises:
        ApiError: 413 as soon as more than `limit` bytes have come, 400 when the client goes away.
    """
    _check_length(request, limit)
    incoming = await run_in_threadpool(services_of(request).blobs.incoming)
    with incoming:
        buffer = bytearray()
        try:
            async for piece in request.stream():
                buffer += piece
                if len(buffer) >= _FLUSH:
                    await run_in_threadpool(incoming.write, buffer)
                    buffer = bytearray()
                if incoming.size + len(buffer) > limit:
                    raise too_large(limit)
        except ClientDisconnect as error:
            raise bad_request("The body ended too early.") from error
        await run_in_threadpool(incoming.write, buffer)
        yield incoming
