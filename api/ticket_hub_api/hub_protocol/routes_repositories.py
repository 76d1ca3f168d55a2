"""Making, opening, moving, deleting, listing and describing repositories."""

from __future__ import annotations

from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ticket_hub_api import errors
from ticket_hub_api.hub_protocol.creation import create_repository, first_files
from ticket_hub_api.hub_protocol.info import EXPANDABLE, full_description
from ticket_hub_api.hub_protocol.listing import (
    ListingQuery,
    list_repositories,
    parse_flag,
    whole_number,
)
from ticket_hub_api.hub_protocol.schemas import CreateIn, DeleteIn, MoveIn, SettingsIn
from ticket_hub_api.services import services_of
from ticket_hub_api.settings import Visibility
from ticket_hub_api.store import repositories, revisions
from ticket_hub_api.store.listeners import tell_changed
from ticket_hub_api.store.names import RepositoryKey, check_kind, decode, kind_of, web_path
from ticket_hub_api.web.requests import (
    Caller,
    Writer,
    endpoint_of,
    json_answer,
    json_bytes,
    next_link,
    place_of,
    read_body,
)
from ticket_hub_api.web.routing import CACHED, READ_METHODS, hub_router

__all__ = ["router"]

router = hub_router()
PARAMETERS = frozenset({
    "author", "cardData", "config", "cursor", "direction", "expand", "expand[]", "filter", "full",
    "gated", "limit", "num_parameters", "pipeline_tag", "search", "sort", "tags",
})  # fmt: skip


def _visibility(body: CreateIn | SettingsIn, default: str) -> str:
    """Private stays private; `public` means what the operator chose for this hub."""
    if body.private is not None:
        return Visibility.PRIVATE if body.private else default
    if body.visibility is None:
        return default
    if body.visibility in (Visibility.PRIVATE, Visibility.ACCOUNTS):
        return body.visibility
    if body.visibility == Visibility.PUBLIC:
        return default if default != Visibility.PRIVATE else Visibility.ACCOUNTS
    raise errors.bad_request(f"There is no visibility {body.visibility!r}.")


@router.post("/api/repos/create")
async def create(request: Request, caller: Writer) -> Response:
    """Make a repository with a first commit; 409 with its address when there is one."""
    body, services = await read_body(request, CreateIn), services_of(request)
    kind = check_kind(body.type or "model")
    if body.resourceGroupId:
        raise errors.not_supported("resource groups")
    namespace, _, name = body.name.rpartition("/")
    row, made = await run_in_threadpool(
        create_repository,
        services,
        caller,
        kind=kind,
        namespace=body.organization or namespace,
        name=name,
        visibility=_visibility(body, services.settings.visibility),
        files=first_files(body),
    )
    url = f"{endpoint_of(request)}/{web_path(kind, row.full_name)}"
    if made:
        return JSONResponse({"url": url, "name": row.full_name, "id": row.id})
    if not caller.may_read(row.visibility, row.owner_id):
        raise errors.conflict("This name is taken.")
    raise errors.conflict("You already created this repo", url=url, name=row.full_name)


@router.delete("/api/repos/delete")
async def delete(request: Request, caller: Writer) -> Response:
    """Delete a repository with all its history."""
    body, services = await read_body(request, DeleteIn), services_of(request)
    kind = check_kind(body.type or "model")
    namespace = body.organization or caller.name
    full_name = body.name if "/" in body.name else f"{namespace}/{body.name}"

    def act(session: Session) -> None:
        """In one transaction, which waits for a commit that has begun."""
        row = repositories.find_administered(session, caller, RepositoryKey(kind, full_name))
        repositories.lock(session, row.id)
        repositories.delete_repository(session, row.id)

    await run_in_threadpool(services.database.transact, act)
    return Response(status_code=200)


@router.post("/api/repos/move")
async def move(request: Request, caller: Writer) -> Response:
    """Rename a repository or give it another owner."""
    body, services = await read_body(request, MoveIn), services_of(request)
    kind = check_kind(body.type or "model")

    def act(session: Session) -> None:
        """In one transaction."""
        repositories.move_repository(
            session, caller, RepositoryKey(kind, body.fromRepo), body.toRepo
        )

    await run_in_threadpool(services.database.transact, act)
    return Response(status_code=200)


@router.put("/api/{kind:kind}/{namespace}/{name}/settings")
async def settings(request: Request, caller: Writer) -> Response:
    """Change who may see a repository."""
    body, services = await read_body(request, SettingsIn), services_of(request)
    place = place_of(request)
    if body.gated:
        raise errors.not_supported("gated repositories; make it private instead")

    def act(session: Session) -> dict[str, object]:
        """Change what the body names, and say how it is now."""
        row = repositories.find_administered(session, caller, place)
        repository = repositories.lock(session, row.id)
        if body.private is not None or body.visibility is not None:
            repository.visibility = _visibility(body, services.settings.visibility)
            session.flush()
            tell_changed(session, repository)
        if body.gated is False:
            repository.gated = ""
        private = repository.visibility == Visibility.PRIVATE
        return {"private": private, "gated": repository.gated or False}

    return JSONResponse(await run_in_threadpool(services.database.transact, act))


@router.api_route("/api/{kind:kind}/{namespace}/{name}/auth-check", methods=READ_METHODS)
@router.api_route("/api/{kind:kind}/{namespace}/{name}/auth-check/{access}", methods=READ_METHODS)
async def auth_check(request: Request, caller: Caller) -> Response:
    """Whether the caller may read, or write."""
    services, place = services_of(request), place_of(request)
    find = (
        repositories.find_writable
        if request.path_params.get("access") == "write"
        else repositories.find_readable
    )

    def act() -> None:
        """Nothing but the refusal, which is 401, 403 or 404."""
        with services.database.read() as connection:
            find(connection, caller, place)

    await run_in_threadpool(act)
    return Response(status_code=200)


@router.api_route("/api/models", methods=READ_METHODS, dependencies=CACHED)
@router.api_route("/api/datasets", methods=READ_METHODS, dependencies=CACHED)
async def listing(request: Request, caller: Caller) -> Response:
    """A page of repositories that the caller may see."""
    services = services_of(request)

    def make() -> tuple[bytes, str]:
        """A page as JSON, and the cursor of the next (empty on the last)."""
        parameters = request.query_params
        filters = [*parameters.getlist("filter"), *parameters.getlist("tags")]
        limit = parameters.get("limit", "")
        # Else more would be listed than was meant.
        if unknown := sorted(set(parameters) - PARAMETERS):
            raise errors.not_supported(f"the parameter {unknown[0][:50]!r} of listings")
        query = ListingQuery(
            kind=kind_of(request.url.path.rpartition("/")[2]),
            filters=tuple(tag for text in filters for tag in text.split(",") if tag)[:20],
            author=parameters.get("author", ""),
            search=parameters.get("search", "")[:200],
            pipeline=parameters.get("pipeline_tag", ""),
            gated=_gated(parameters.get("gated", "")),
            parameters=parameters.get("num_parameters", ""),
            sort=parameters.get("sort", "lastModified"),
            ascending=parameters.get("direction") == "1",
            limit=whole_number(limit, ListingQuery.limit),
            cursor=parameters.get("cursor", ""),
            full=parse_flag(parameters, "full"),
            card=parse_flag(parameters, "cardData"),
            config=parse_flag(parameters, "config"),
            expand=_expanded(parameters),
        )
        with services.database.read() as connection:
            found, cursor = list_repositories(connection, caller, query)
        return json_bytes(found), cursor

    page, cursor = await run_in_threadpool(make)
    headers = next_link(request, cursor=cursor) if cursor else {}
    return json_answer(page, headers)


def _gated(text: str) -> bool | None:
    """Whether gated repositories are asked for, or all others; None for both."""
    if text.lower() not in {"", "true", "false"}:
        raise errors.bad_request("gated is true or false.")
    return text.lower() == "true" if text else None


def _expanded(parameters: QueryParams) -> frozenset[str]:
    """The fields that are asked for alone; both spellings of the parameter are in use."""
    fields = frozenset([*parameters.getlist("expand"), *parameters.getlist("expand[]")])
    if fields - EXPANDABLE:
        raise errors.bad_request(f"Cannot expand {', '.join(sorted(fields - EXPANDABLE))}.")
    return fields


@router.api_route("/api/{kind:kind}/{namespace}/{name}", methods=READ_METHODS, dependencies=CACHED)
@router.api_route(
    "/api/{kind:kind}/{namespace}/{name}/revision/{revision}",
    methods=READ_METHODS,
    dependencies=CACHED,
)
async def info(request: Request, caller: Caller) -> Response:
    """Describe a repository at a revision."""
    services, parameters = services_of(request), request.query_params
    place, wanted = place_of(request), decode(request.path_params.get("revision", "main"))
    blobs, expand = parse_flag(parameters, "blobs"), _expanded(parameters)

    def make() -> bytes:
        """The description as JSON."""
        with services.database.read() as connection:
            found = revisions.find_revision(connection, caller, place, wanted)
        return json_bytes(full_description(*found, blobs=blobs, expand=expand))

    return json_answer(await run_in_threadpool(make))
