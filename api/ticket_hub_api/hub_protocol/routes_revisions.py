"""Branches, tags and history."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import CTE, func, literal, select
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session, aliased
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from ticket_hub_api import errors
from ticket_hub_api.accounts.principals import Principal
from ticket_hub_api.hub_protocol.info import instant
from ticket_hub_api.hub_protocol.listing import whole_number
from ticket_hub_api.hub_protocol.schemas import BranchIn, TagIn
from ticket_hub_api.services import Services, services_of
from ticket_hub_api.store import repositories, revisions
from ticket_hub_api.store.names import check_ref, decode
from ticket_hub_api.store.repositories import RepositoryRow
from ticket_hub_api.store.revisions import HEADS, TAGS, move_ref
from ticket_hub_api.store.tables import Commit, Ref, Repository
from ticket_hub_api.web.requests import (
    Caller,
    Writer,
    json_answer,
    json_bytes,
    next_link,
    place_of,
    read_body,
)
from ticket_hub_api.web.routing import CACHED, READ_METHODS, hub_router

__all__ = ["router"]

router = hub_router()
COMMITS_A_PAGE = 50
MAX_COMMITS = 2**31
Act = Callable[[Session, RepositoryRow, Repository], None]


async def _change(request: Request, caller: Principal, act: Act) -> Response:
    """Change a repository's references in one transaction."""
    services: Services = services_of(request)
    place = place_of(request)

    def change(session: Session) -> None:
        """Check the caller's role and lock the repository first, as every change does."""
        row = repositories.find_writable(session, caller, place)
        act(session, row, repositories.lock(session, row.id))

    await run_in_threadpool(services.database.transact, change)
    return Response(status_code=200)


@router.post("/api/{kind:kind}/{namespace}/{name}/branch/{branch}")
async def create_branch(request: Request, caller: Writer, branch: str) -> Response:
    """Make a branch at a revision, by default the default branch's head."""
    body, wanted = await read_body(request, BranchIn), check_ref(decode(branch))
    if body.emptyBranch:
        raise errors.not_supported("branches without commits")

    def act(session: Session, row: RepositoryRow, repository: Repository) -> None:
        """Refuse a name that is taken; the branch begins where the body says."""
        exists = session.get(Ref, (row.id, HEADS + wanted)) is not None
        if exists and not body.overwrite:
            raise errors.conflict(f"There is a branch {wanted} already.")
        if session.get(Ref, (row.id, TAGS + wanted)) is not None:
            raise errors.bad_request(f"There is a tag {wanted}. Give the branch another name.")
        if exists and body.startingPoint is None:
            return
        start = revisions.resolve_revision(session, row, body.startingPoint or "main")
        move_ref(session, repository, HEADS + wanted, start.oid, author=caller.name)

    return await _change(request, caller, act)


@router.delete("/api/{kind:kind}/{namespace}/{name}/branch/{branch}")
async def delete_branch(request: Request, caller: Writer, branch: str) -> Response:
    """Remove a branch; its commits stay."""
    wanted = decode(branch)

    def act(session: Session, row: RepositoryRow, repository: Repository) -> None:
        """Refuse the default branch, and one that is not there."""
        if wanted == "main":
            raise errors.forbidden("The default branch cannot be deleted.")
        if session.get(Ref, (row.id, HEADS + wanted)) is None:
            raise errors.revision_not_found(wanted)
        move_ref(session, repository, HEADS + wanted, "", author=caller.name)

    return await _change(request, caller, act)


@router.post("/api/{kind:kind}/{namespace}/{name}/tag/{revision}")
async def create_tag(request: Request, caller: Writer, revision: str) -> Response:
    """Tag a revision."""
    body = await read_body(request, TagIn)
    tag = check_ref(body.tag)

    def act(session: Session, row: RepositoryRow, repository: Repository) -> None:
        """Refuse a name that is taken: a tag never moves."""
        if session.get(Ref, (row.id, TAGS + tag)) is not None:
            raise errors.conflict(f"There is a tag {tag} already.")
        if session.get(Ref, (row.id, HEADS + tag)) is not None:
            raise errors.bad_request(f"There is a branch {tag}. Give the tag another name.")
        target = revisions.resolve_revision(session, row, decode(revision))
        move_ref(
            session,
            repository,
            TAGS + tag,
            target.oid,
            author=caller.name,
            message=body.message or "",
        )

    return await _change(request, caller, act)


@router.delete("/api/{kind:kind}/{namespace}/{name}/tag/{tag}")
async def delete_tag(request: Request, caller: Writer, tag: str) -> Response:
    """Remove a tag; the history of references keeps that it was there."""
    wanted = decode(tag)

    def act(session: Session, row: RepositoryRow, repository: Repository) -> None:
        """Refuse one that is not there."""
        if session.get(Ref, (row.id, TAGS + wanted)) is None:
            raise errors.revision_not_found(wanted)
        move_ref(session, repository, TAGS + wanted, "", author=caller.name)

    return await _change(request, caller, act)


@router.api_route(
    "/api/{kind:kind}/{namespace}/{name}/refs", methods=READ_METHODS, dependencies=CACHED
)
async def refs(request: Request, caller: Caller) -> Response:
    """All branches and tags."""
    services, place = services_of(request), place_of(request)

    def make() -> bytes:
        """Branches and tags as JSON; `converts` and `pullRequests` are always empty here."""
        with services.database.read() as connection:
            row = repositories.find_readable(connection, caller, place)
            found = connection.execute(
                select(Ref.name, Ref.target)
                .where(Ref.repository_id == row.id)
                .order_by(Ref.created_at, Ref.name)
            ).all()
        groups: dict[str, list[dict[str, str]]] = {
            "branches": [], "converts": [], "tags": [], "pullRequests": [],
        }  # fmt: skip
        for ref in found:
            prefix, group = (HEADS, "branches") if ref.name.startswith(HEADS) else (TAGS, "tags")
            short = ref.name.removeprefix(prefix)
            groups[group].append({"name": short, "ref": ref.name, "targetCommit": ref.target})
        return json_bytes(groups)

    return json_answer(await run_in_threadpool(make))


@router.api_route(
    "/api/{kind:kind}/{namespace}/{name}/commits/{revision}",
    methods=READ_METHODS,
    dependencies=CACHED,
)
async def history(request: Request, caller: Caller, revision: str) -> Response:
    """The commits that led to a revision, newest first, in pages."""
    services, place, parameters = services_of(request), place_of(request), request.query_params
    page = whole_number(parameters.get("p"), 0)
    size = min(max(whole_number(parameters.get("limit"), COMMITS_A_PAGE), 1), 1000)

    wanted = decode(revision)

    def make() -> tuple[bytes, int]:
        """A page as JSON, and how many commits there are on all pages."""
        with services.database.read() as connection:
            row = repositories.find_readable(connection, caller, place)
            start = revisions.resolve_revision(connection, row, wanted)
            found = _ancestors(connection, row.id, start.oid, page * size, size)
            # How many commits led to the first, itself among them.
            chain = _chain(row.id, start.oid, MAX_COMMITS)
            count = connection.scalar(select(func.count()).select_from(chain)) or 0
            return json_bytes(found), count

    found, total = await run_in_threadpool(make)
    headers = next_link(request, p=str(page + 1)) if total > (page + 1) * size else {}
    return json_answer(found, {**headers, "X-Total-Count": str(total)})


def _chain(repository_id: str, oid: str, most: int) -> CTE:
    """A commit and at most so many with it before it, with how far each is away."""
    chain = (
        select(Commit.oid, Commit.parent, literal(0).label("depth"))
        .where(Commit.repository_id == repository_id, Commit.oid == oid)
        .cte("chain", recursive=True)
    )
    before = aliased(Commit)
    return chain.union_all(
        select(before.oid, before.parent, chain.c.depth + 1)
        .join(chain, before.oid == chain.c.parent)
        .where(before.repository_id == repository_id, chain.c.depth < most - 1)
    )


def _ancestors(
    connection: Connection, repository_id: str, oid: str, skip: int, count: int
) -> list[dict[str, Any]]:
    """A commit and those before it."""
    chain = _chain(repository_id, oid, skip + count)
    rows = connection.execute(
        select(Commit.oid, Commit.title, Commit.message, Commit.author, Commit.created_at)
        .join(chain, chain.c.oid == Commit.oid)
        .where(Commit.repository_id == repository_id, chain.c.depth >= skip)
        .order_by(chain.c.depth)
    )
    return [
        {
            "id": row.oid,
            "title": row.title,
            "message": row.message,
            "date": instant(row.created_at),
            "authors": [{"user": row.author}],
        }
        for row in rows
    ]
