"""Listing the files of a revision, and handing them out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fastapi import Depends
from sqlalchemy import select
from sqlalchemy.engine import Connection
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ticket_hub_api import errors
from ticket_hub_api.hub_protocol.info import last_commits, tree_item
from ticket_hub_api.hub_protocol.listing import parse_flag, whole_number
from ticket_hub_api.hub_protocol.schemas import MAX_PATHS, PathsIn
from ticket_hub_api.response_cache import cacheable
from ticket_hub_api.services import Services, services_of
from ticket_hub_api.store import objects
from ticket_hub_api.store.names import decode
from ticket_hub_api.store.objects import FileAnswer
from ticket_hub_api.store.repositories import RepositoryRow
from ticket_hub_api.store.revisions import find_file, find_revision
from ticket_hub_api.store.tables import StoredObject
from ticket_hub_api.store.trees import Folder, TreeEntry, children, entry_at, pointer_text
from ticket_hub_api.web.content import answer_file
from ticket_hub_api.web.requests import (
    Caller,
    endpoint_of,
    json_answer,
    json_bytes,
    next_link,
    parse_body,
    parse_fields,
    parse_for,
    place_of,
    read_bytes,
)
from ticket_hub_api.web.routing import CACHED, READ_METHODS, hub_router

__all__ = ["router"]

router = hub_router()
MAX_PAGE = 1000
EXPANDED_PAGE = 100
MAX_PATHS_BODY = 1 << 20
SMALL_FILE = 16 << 10
COUNTED = "config.json"  # its pulls are the repository's downloads
Listing = list[tuple[str, TreeEntry | Folder]]


async def _cacheable(request: Request) -> None:
    """Let the answer be kept, but for the file that is counted each time."""
    if decode(request.path_params["path"]) != COUNTED:
        await cacheable(request)


UNCOUNTED = [Depends(_cacheable)]


def _items(
    services: Services, connection: Connection, row: RepositoryRow, found: Listing, *, expand: bool
) -> list[dict[str, Any]]:
    """A listing as the protocol writes it."""
    large = [entry.sha256 for _, entry in found if isinstance(entry, TreeEntry) and entry.large]
    xet = xet_hashes(connection, large) if services.settings.xet else {}
    items = [tree_item(path, entry, xet) for path, entry in found]
    if expand:
        commits = last_commits(connection, row, (entry.changed for _, entry in found))
        for item, (_, entry) in zip(items, found, strict=True):
            item["lastCommit"] = commits.get(entry.changed)
    return items


def xet_hashes(connection: Connection, digests: Iterable[str]) -> dict[str, str]:
    """Which contents the chunk store can give out, and under which hash."""
    found: dict[str, str] = {}
    wanted = sorted(set(digests))
    for start in range(0, len(wanted), 500):
        rows = connection.execute(
            select(StoredObject.sha256, StoredObject.xet_hash).where(
                StoredObject.sha256.in_(wanted[start : start + 500]), StoredObject.xet_hash != ""
            )
        )
        found.update((row.sha256, row.xet_hash) for row in rows)
    return found


@router.api_route(
    "/api/{kind:kind}/{namespace}/{name}/tree/{revision}", methods=READ_METHODS, dependencies=CACHED
)
@router.api_route(
    "/api/{kind:kind}/{namespace}/{name}/tree/{revision}/{path:path}",
    methods=READ_METHODS,
    dependencies=CACHED,
)
async def tree(request: Request, caller: Caller, revision: str) -> Response:
    """The files and folders of a revision, in pages."""
    services, place, parameters = services_of(request), place_of(request), request.query_params
    recursive, expand = parse_flag(parameters, "recursive"), parse_flag(parameters, "expand")
    path = request.path_params.get("path", "")
    folder, after = decode(path).strip("/"), parameters.get("cursor", "")
    largest = EXPANDED_PAGE if expand else MAX_PAGE
    limit = min(max(whole_number(parameters.get("limit"), largest), 1), largest)
    wanted = decode(revision)

    def make() -> tuple[bytes, str]:
        """A page as JSON, and the last path on it (empty where no page follows)."""
        with services.database.read() as connection:
            row, commit, files = find_revision(connection, caller, place, wanted)
            if folder and not any(path.startswith(f"{folder}/") for path in files):
                raise errors.entry_not_found(folder, commit.oid)
            found = children(files, folder, recursive=recursive, after=after, most=limit + 1)
            page, cursor = found[:limit], found[limit - 1][0] if len(found) > limit else ""
            return json_bytes(_items(services, connection, row, page, expand=expand)), cursor

    page, cursor = await run_in_threadpool(make)
    return json_answer(page, next_link(request, cursor=cursor) if cursor else None)


@router.post("/api/{kind:kind}/{namespace}/{name}/paths-info/{revision}")
async def paths_info(request: Request, caller: Caller, revision: str) -> Response:
    """What is known about chosen paths; those that do not exist are left out."""
    data, kind = await read_bytes(request, MAX_PATHS_BODY), request.headers.get("content-type", "")
    services, place = services_of(request), place_of(request)

    def make() -> list[dict[str, Any]]:
        """The paths that exist, each once, in the order asked for."""
        with services.database.read() as connection:
            row, _, files = find_revision(connection, caller, place, decode(revision))
            asked = _asked_paths(data, kind)
            wanted = dict.fromkeys(path.strip("/") for path in asked.paths)
            entries = ((path, entry_at(files, path)) for path in wanted)
            found = [(path, entry) for path, entry in entries if entry is not None]
            return _items(services, connection, row, found, expand=asked.expand)

    return JSONResponse(await parse_for(request, caller, make))


def _asked_paths(data: bytes, kind: str) -> PathsIn:
    """The paths that a body names: huggingface_hub sends a form, huggingface.js sends JSON.

    Raises:
        ApiError: 400 where it is neither, or names none; 415 for another kind of body.
    """
    kind = kind.partition(";")[0].strip().lower()
    if kind == "application/json":
        return parse_body(data, PathsIn)
    if kind not in {"application/x-www-form-urlencoded", ""}:
        raise errors.ApiError(415, "Send the paths as a form, or as application/json.")
    fields = parse_fields(data, 2 * MAX_PATHS)
    paths = [value for name, value in fields if name == "paths"]
    expand = any(name == "expand" and value.lower() in {"true", "1"} for name, value in fields)
    if not any(name in {"paths", "expand"} for name, _ in fields):
        raise errors.bad_request("The body names no paths.")
    if len(paths) > MAX_PATHS:
        raise errors.bad_request(f"A request may name {MAX_PATHS} paths at most.")
    return PathsIn(paths=paths, expand=expand)


@router.api_route(
    "/{namespace}/{name}/raw/{revision}/{path:path}", methods=READ_METHODS, dependencies=CACHED
)
@router.api_route(
    "/{kind:kind}/{namespace}/{name}/raw/{revision}/{path:path}",
    methods=READ_METHODS,
    dependencies=CACHED,
)
async def raw(request: Request, caller: Caller, revision: str, path: str) -> Response:
    """A file as git would hold it: of a large one the small text that stands for it."""
    services, place = services_of(request), place_of(request)
    wanted, file = decode(revision), decode(path)

    def make() -> FileAnswer:
        """What the headers say of the file, with its content where that is small."""
        with services.database.read() as connection:
            row, commit, entry = find_file(connection, caller, place, wanted, file)
            body: bytes | None = None
            if entry.large:
                body = pointer_text(entry.sha256, entry.size)
                content = objects.Content(services, entry.sha256, len(body), "", b"", "")
            else:
                content = objects.open_content(services, connection, entry.sha256)
                body = content.head(SMALL_FILE) if entry.size <= SMALL_FILE else None
        return FileAnswer(
            repository=row.id,
            commit=commit.oid,
            path=file,
            etag=entry.oid,
            large=False,
            content=content,
            xet_hash="",
            body=body,
        )

    answer = await run_in_threadpool(make)
    return answer_file(request, answer, "")


@router.api_route(
    "/{namespace}/{name}/resolve/{revision}/{path:path}",
    methods=READ_METHODS,
    dependencies=UNCOUNTED,
)
@router.api_route(
    "/{kind:kind}/{namespace}/{name}/resolve/{revision}/{path:path}",
    methods=READ_METHODS,
    dependencies=UNCOUNTED,
)
async def resolve(request: Request, caller: Caller, revision: str, path: str) -> Response:
    """A file of a revision, or a range of it."""
    services, place = services_of(request), place_of(request)
    wanted, file = decode(revision), decode(path)

    def make() -> FileAnswer:
        """What the headers say of the file, with its content where that is small."""
        with services.database.read() as connection:
            row, commit, entry = find_file(connection, caller, place, wanted, file)
            content = objects.open_content(services, connection, entry.sha256)
        return FileAnswer(
            repository=row.id,
            commit=commit.oid,
            path=file,
            etag=entry.etag,
            large=entry.large,
            content=content,
            xet_hash=content.xet_hash if entry.large and services.settings.xet else "",
            body=content.head(SMALL_FILE) if entry.size <= SMALL_FILE else None,
        )

    answer = await run_in_threadpool(make)
    if request.method == "GET" and file == COUNTED:
        services.downloads[answer.repository] += 1
    refresh = ""
    if answer.xet_hash:
        about = f"{endpoint_of(request)}/api/{place.kind}s/{place.name}"
        refresh = f"{about}/xet-read-token/{answer.commit}"
    return answer_file(request, answer, refresh)
