"""Sending files: how each should be sent, the large ones first, then the commit."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends
from pathspec import GitIgnoreSpec
from pathspec.patterns.gitignore.base import GitIgnorePatternError
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ticket_hub_api import errors
from ticket_hub_api.hub_protocol import transfers
from ticket_hub_api.hub_protocol.commits import make_commit
from ticket_hub_api.hub_protocol.operations import read_lines
from ticket_hub_api.hub_protocol.schemas import LfsBatchIn, LfsObject, MultipartIn, PreuploadIn
from ticket_hub_api.services import Services, services_of
from ticket_hub_api.store import objects, repositories, revisions
from ticket_hub_api.store.names import check_path, decode, web_path
from ticket_hub_api.store.trees import Files, load_tree
from ticket_hub_api.web.guards import Signed
from ticket_hub_api.web.requests import Writer, endpoint_of, place_of, read_body, receive
from ticket_hub_api.web.routing import hub_router

__all__ = ["router"]

router = hub_router()
ObjectClaims = Annotated[dict[str, Any], Depends(Signed("object"))]
PartClaims = Annotated[dict[str, Any], Depends(Signed("part"))]
FinishClaims = Annotated[dict[str, Any], Depends(Signed("finish"))]
MAX_PATTERNS = 500
MAX_PATTERN = 200
MAX_STARS = 6


def patterns(text: str) -> GitIgnoreSpec:
    """The patterns of a .gitignore; lines that cannot be used are left out."""
    lines = [
        line
        for line in text.splitlines()[:MAX_PATTERNS]
        if len(line) <= MAX_PATTERN and line.count("*") <= MAX_STARS
    ]
    try:
        return GitIgnoreSpec.from_lines(lines)
    except (GitIgnorePatternError, ValueError):
        return GitIgnoreSpec.from_lines([])


def _large_patterns(services: Services, connection: Connection, files: Files) -> GitIgnoreSpec:
    """What the revision's .gitattributes sends to the large file storage."""
    entry = files.get(".gitattributes")
    if entry is None:
        return GitIgnoreSpec.from_lines([])
    content = objects.open_content(services, connection, entry.sha256)
    lines = content.head(64 << 10).decode(errors="replace").splitlines()
    return patterns("\n".join(line.split()[0] for line in lines if "filter=lfs" in line.split()))


@router.post("/api/{kind:kind}/{namespace}/{name}/preupload/{revision}")
async def preupload(request: Request, caller: Writer, revision: str) -> Response:
    """For each file: large or regular, whether to skip it, and what is there now."""
    body, services = await read_body(request, PreuploadIn), services_of(request)
    place = place_of(request)
    _no_pull_requests(request)

    def make() -> list[dict[str, Any]]:
        """What the client shall do with each file, by the ignore rules there and here."""
        with services.database.read() as connection:
            row = repositories.find_writable(connection, caller, place)
            commit = revisions.resolve_revision(connection, row, decode(revision))
            files = load_tree(connection, commit.tree)
            large = _large_patterns(services, connection, files)
        ignored = patterns(body.gitIgnore or "")
        for file in body.files:  # said before anything is sent; the commit is checked, too
            if not ignored.match_file(file.path):
                check_path(file.path)
        limit = services.settings.lfs_threshold
        return [
            {
                "path": file.path,
                "uploadMode": "lfs"
                if file.size and (file.size > limit or large.match_file(file.path))
                else "regular",
                "shouldIgnore": ignored.match_file(file.path),
                "oid": files[file.path].etag if file.path in files else None,
            }
            for file in body.files
        ]

    return JSONResponse({"files": await run_in_threadpool(make)})


def _no_pull_requests(request: Request) -> None:
    if request.query_params.get("create_pr", "") in {"1", "true"}:
        raise errors.not_supported("pull requests")


@router.post("/{namespace}/{name}.git/info/lfs/objects/batch")
@router.post("/{kind:kind}/{namespace}/{name}.git/info/lfs/objects/batch")
async def batch(request: Request, caller: Writer) -> Response:
    """Where to send large objects; those that the caller need not send have no action."""
    body, services = await read_body(request, LfsBatchIn), services_of(request)
    place = place_of(request)
    if body.operation != "upload":
        raise errors.not_supported("Git LFS downloads")
    largest = services.settings.max_object_bytes
    if any(item.size > largest for item in body.objects):
        raise errors.ApiError(413, f"A file may have {largest} bytes at most.")
    base = endpoint_of(request)
    verify = f"{base}/{web_path(*place)}.git/info/lfs/objects/verify"
    many = "multipart" in body.transfers
    desk = transfers.Desk(services=services, caller=caller, base=base, verify=verify, many=many)

    def make(session: Session) -> list[dict[str, Any]]:
        """An action for each object; what is here already is marked as in use."""
        row = repositories.find_writable(session, caller, place)
        order = sorted(body.objects, key=lambda item: item.oid)  # as all writers
        found = {item.oid: transfers.action(desk, session, row.id, item) for item in order}
        return [found[item.oid] for item in body.objects]

    actions = await run_in_threadpool(services.database.transact, make)
    parts = any("chunk_size" in str(item) for item in actions)
    return JSONResponse(
        {"transfer": "multipart" if parts else "basic", "objects": actions},
        media_type="application/vnd.git-lfs+json",
    )


@router.put("/lfs/objects/{signed}")
async def put_object(request: Request, claims: ObjectClaims) -> Response:
    """Receive a large object; its address says which one is allowed."""
    services = services_of(request)
    async with receive(request, claims["size"]) as incoming:
        received = await run_in_threadpool(incoming.finish)
        transfers.check(received, claims)
        await run_in_threadpool(objects.store, services, claims["repository"], received)
    return Response(status_code=200)


@router.put("/lfs/parts/{signed}")
async def put_part(request: Request, claims: PartClaims) -> Response:
    """Receive a part of a large object."""
    services = services_of(request)
    async with receive(request, claims["size"]) as incoming:
        received = await run_in_threadpool(incoming.finish)
        key = transfers.part_key(claims["upload"], claims["part"])
        await run_in_threadpool(services.blobs.storage.put, received.path, key)
    return Response(status_code=200, headers={"ETag": f'"{received.sha256}"'})


@router.post("/lfs/finish/{signed}")
async def finish(request: Request, claims: FinishClaims) -> Response:
    """Put the parts of a large object together."""
    body, services = await read_body(request, MultipartIn), services_of(request)
    if body.oid.lower() != claims["sha256"]:
        raise errors.bad_request("This address was made for another object.")
    await run_in_threadpool(transfers.assemble, services, claims)
    return Response(status_code=200)


@router.post("/{namespace}/{name}.git/info/lfs/objects/verify")
@router.post("/{kind:kind}/{namespace}/{name}.git/info/lfs/objects/verify")
async def verify(request: Request, caller: Writer) -> Response:
    """Whether a large object arrived."""
    body, services = await read_body(request, LfsObject), services_of(request)
    place = place_of(request)

    def act() -> None:
        """Nothing but the refusal."""
        with services.database.read() as connection:
            row = repositories.find_writable(connection, caller, place)
            found = objects.may_name(connection, caller, row.id, body.oid.lower())
            if found is None or found.size != body.size:
                raise errors.ApiError(404, f"The object {body.oid} has not arrived.")

    await run_in_threadpool(act)
    return Response(status_code=200)


@router.post("/api/{kind:kind}/{namespace}/{name}/commit/{revision}")
async def commit(request: Request, caller: Writer, revision: str) -> Response:
    """Commit changes to a branch."""
    services, place = services_of(request), place_of(request)
    _no_pull_requests(request)

    def check() -> repositories.RepositoryRow:
        """Refuse who may not write before the body, which may be large, is read."""
        with services.database.read() as connection:
            return repositories.find_writable(connection, caller, place)

    row = await run_in_threadpool(check)
    async with receive(request, services.settings.max_commit_bytes) as incoming:
        lines = read_lines(incoming.path)
        made = await run_in_threadpool(make_commit, services, caller, row, decode(revision), lines)
    url = f"{endpoint_of(request)}/{web_path(row.kind, row.full_name)}/commit/{made.oid}"
    return JSONResponse(
        {"success": True, "commitOid": made.oid, "commitUrl": url, "hookOutput": ""}
    )
