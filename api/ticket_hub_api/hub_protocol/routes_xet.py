"""The chunk store as the Xet client speaks to it, and the tokens that open it.

Clients remember for three weeks, by the store's address, which chunks they have sent there, and
skip them from then on. So the address holds a generation: another for every hub, and a new one
whenever chunks were collected. It says nothing else, and any is served.
"""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import Depends
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from ticket_hub.patterns import SHA256
from ticket_hub_api import errors
from ticket_hub_api.accounts.principals import Scope
from ticket_hub_api.services import services_of
from ticket_hub_api.store import repositories, revisions
from ticket_hub_api.store.names import decode
from ticket_hub_api.store.signing import GENERATION
from ticket_hub_api.store.tables import Secret, StoredObject, Use
from ticket_hub_api.store.xet.chunks import XetError
from ticket_hub_api.store.xet.reading import load_xorb
from ticket_hub_api.store.xet.receiving import take_shard, take_xorb
from ticket_hub_api.store.xet.reconstruction import reconstruct
from ticket_hub_api.web.content import UnsatisfiableRangeError, parse_range
from ticket_hub_api.web.guards import Signed, XetToken
from ticket_hub_api.web.requests import Caller, endpoint_of, place_of, read_bytes, receive
from ticket_hub_api.web.routing import READ_METHODS, hub_router

__all__ = ["router"]

router = hub_router()
MAY_READ, MAY_WRITE = Depends(XetToken(Scope.XET_READ)), Depends(XetToken(Scope.XET_WRITE))
XetReader = Annotated[dict[str, Any], MAY_READ]
XetWriter = Annotated[dict[str, Any], MAY_WRITE]
XorbClaims = Annotated[dict[str, Any], Depends(Signed("xorb"))]
TOKEN_SECONDS = 3600
MAX_XORB = 80 << 20
MAX_SHARD = 72 << 20
MAX_TELEMETRY = 1 << 20


@router.api_route(
    "/api/{kind:kind}/{namespace}/{name}/xet-{access}-token/{revision}", methods=READ_METHODS
)
async def token(request: Request, caller: Caller, access: str, revision: str) -> Response:
    """A short-lived token for the chunk store, for one repository."""
    services, place = services_of(request), place_of(request)
    if not services.settings.xet:
        raise errors.not_supported("Xet; set HF_HUB_DISABLE_XET=1")
    if access not in {"read", "write"}:
        raise errors.ApiError(404, "Not found")
    find = repositories.find_writable if access == "write" else repositories.find_readable

    def act() -> tuple[str, str]:
        """A signed token for this repository alone, and the store's present generation."""
        with services.database.read() as connection:
            row = find(connection, caller, place)
            revisions.resolve_revision(connection, row, decode(revision))
            generation = connection.scalar(select(Secret.value).where(Secret.name == GENERATION))
        claims = {"repository": row.id, "write": access == "write"}
        return services.signer.sign("xet", TOKEN_SECONDS, **claims), str(generation)

    secret, generation = await run_in_threadpool(act)
    base = f"{endpoint_of(request)}/xet/{generation}"
    expires = int(time.time()) + TOKEN_SECONDS
    headers = {
        "X-Xet-Cas-Url": base,
        "X-Xet-Access-Token": secret,
        "X-Xet-Token-Expiration": str(expires),
        "Cache-Control": "no-store",
    }
    return JSONResponse({"casUrl": base, "exp": expires, "accessToken": secret}, headers=headers)


@router.post("/xet/{generation}/v1/xorbs/{prefix}/{value}", dependencies=[MAY_WRITE])
async def post_xorb(request: Request, prefix: str, value: str) -> Response:
    """Receive a xorb."""
    if prefix != "default" or not SHA256.fullmatch(value):
        raise errors.bad_request("A xorb's address is default/ and its hash.")
    services = services_of(request)
    async with receive(request, MAX_XORB) as incoming:
        received = await run_in_threadpool(incoming.finish)
        try:
            inserted = await run_in_threadpool(take_xorb, services, value, received)
        except XetError as error:
            raise errors.bad_request(f"The xorb cannot be used: {error}.") from error
    return JSONResponse({"was_inserted": inserted})


@router.post("/xet/{generation}/v1/shards")
async def post_shard(request: Request, claims: XetWriter) -> Response:
    """Receive a shard: rebuild its files from the xorbs, and enter them."""
    services = services_of(request)
    async with receive(request, MAX_SHARD) as incoming:
        try:
            await run_in_threadpool(take_shard, services, claims["repository"], incoming.path)
        except XetError as error:
            raise errors.bad_request(f"The shard cannot be used: {error}.") from error
    return JSONResponse({"result": 1})


@router.api_route("/xet/{generation}/v1/reconstructions/{value}", methods=READ_METHODS)
async def reconstruction(request: Request, value: str, claims: XetReader) -> Response:
    """How to put a file together, for files of the token's repository."""
    services, base = services_of(request), endpoint_of(request)
    wanted = request.headers.get("range", "")

    def act() -> dict[str, Any]:
        """The terms of the range; 404 for files of other repositories, as for unknown ones."""
        statement = (
            select(StoredObject.size, StoredObject.terms)
            .join(Use, Use.sha256 == StoredObject.sha256)
            .where(StoredObject.xet_hash == value, Use.repository_id == claims["repository"])
        )
        with services.database.read() as connection:
            row = connection.execute(statement).first()
        if row is None or not SHA256.fullmatch(value):
            raise errors.ApiError(404, "There is no such file.")
        start, stop = parse_range(wanted, row.size) or (0, row.size)
        return reconstruct(services, row.terms, start, stop, base)

    try:
        return JSONResponse(await run_in_threadpool(act))
    except UnsatisfiableRangeError:
        return Response(status_code=416)


@router.api_route(
    "/xet/{generation}/v1/chunks/{prefix}/{value}", methods=READ_METHODS, dependencies=[MAY_READ]
)
async def chunk() -> Response:
    """Deduplication over all clients is not offered: the answer would tell who has what."""
    raise errors.ApiError(404, "This chunk is not known.")


@router.api_route("/xet/data/{signed}", methods=READ_METHODS)
async def data(request: Request, claims: XorbClaims) -> Response:
    """A range of a xorb that its address allows."""
    services = services_of(request)
    xorb = await run_in_threadpool(load_xorb, services, claims["xorb"])
    if xorb is None:
        raise errors.ApiError(404, "There is no such xorb.")
    start, stop = claims["start"], claims["stop"]
    try:
        part = parse_range(request.headers.get("range", ""), stop)
    except UnsatisfiableRangeError:
        return Response(status_code=416, headers={"Content-Range": f"bytes */{stop}"})
    if part is not None:
        if part[0] < start:
            raise errors.forbidden("This address does not allow that range.")
        start, stop = part
    headers = {
        "Content-Length": str(stop - start),
        "Content-Range": f"bytes {start}-{stop - 1}/{xorb.chunks[-1].stop}",
        "Content-Type": "application/octet-stream",
    }
    if request.method == "HEAD":
        return Response(status_code=206, headers=headers)
    return StreamingResponse(services.blobs.read(xorb.key, start, stop), 206, headers)


@router.post("/xet/{generation}/v1/telemetry", dependencies=[MAY_READ])
async def telemetry(request: Request) -> Response:
    """Clients report how transfers went; nothing is kept."""
    await read_bytes(request, MAX_TELEMETRY)
    return Response(status_code=200)
