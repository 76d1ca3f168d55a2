"""Who am I, and small questions that clients ask before they push."""

from __future__ import annotations

from sqlalchemy import select
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ticket_hub_api.hub_protocol.cards import card_problems
from ticket_hub_api.hub_protocol.info import instant
from ticket_hub_api.hub_protocol.schemas import YamlIn
from ticket_hub_api.services import services_of
from ticket_hub_api.store.repositories import visible
from ticket_hub_api.store.tables import Repository, RepositoryTag
from ticket_hub_api.web.requests import ANYBODY, Caller, Reader, parse_body, parse_for, read_bytes
from ticket_hub_api.web.routing import READ_METHODS, hub_router

__all__ = ["router"]

router = hub_router()
MAX_CARD_BODY = 3 << 19  # a card of 1 MiB, and what JSON adds to it


@router.api_route("/api/whoami-v2", methods=READ_METHODS)
async def whoami(caller: Reader) -> Response:
    """The account and the token that the request shows."""
    organizations = [
        {"type": "org", "id": name, "name": name, "fullname": name, "roleInOrg": role}
        for name, role in caller.organizations
    ]
    token = {
        "displayName": caller.token_name,
        "role": "write" if caller.scope == "admin" else caller.scope,
        "createdAt": instant(caller.token_created_at),
    }
    return JSONResponse(
        {
            "type": "user",
            "id": caller.account_id,
            "name": caller.name,
            "fullname": caller.full_name or caller.name,
            "email": caller.email or None,
            "emailVerified": bool(caller.email),
            "isPro": False,
            "canPay": False,
            "orgs": organizations,
            "auth": {"type": "access_token", "accessToken": token},
        }
    )


@router.post("/api/validate-yaml")
async def validate_yaml(request: Request, caller: Caller) -> Response:
    """Whether a card's front matter can be read. The answer is JSON in either case.

    Clients ask without a token, too: `ModelCard.validate` shows none.
    """
    data = await read_bytes(request, MAX_CARD_BODY)

    def check() -> list[str]:
        """What is wrong with the card in the body."""
        return card_problems(parse_body(data, YamlIn).content)

    problems = await parse_for(request, caller, check)
    errors = [{"message": problem} for problem in problems]
    content: dict[str, object] = {"errors": errors, "warnings": []}
    if problems:
        content["error"] = problems[0]
    return JSONResponse(content, 400 if problems else 200)


@router.api_route("/api/agent-harnesses", methods=READ_METHODS, dependencies=[ANYBODY])
async def agent_harnesses() -> Response:
    """The client asks for ways to recognize agents; this hub keeps no such list."""
    return JSONResponse({"standardEnvVars": [], "harnesses": {}})


@router.api_route("/api/{kind}-tags-by-type", methods=READ_METHODS)
async def tags_by_type(request: Request, caller: Caller) -> Response:
    """All tags of repositories that the caller may see, by what stands before their colon."""
    kind = request.path_params["kind"]

    def collect() -> dict[str, list[dict[str, str]]]:
        """Group of tags -> its tags, as the client shows them."""
        statement = (
            select(RepositoryTag.tag)
            .join(Repository, Repository.id == RepositoryTag.repository_id)
            .where(Repository.kind == kind.removesuffix("s"), visible(caller))
            .distinct()
            .order_by(RepositoryTag.tag)
        )
        found: dict[str, list[dict[str, str]]] = {}
        with services_of(request).database.read() as connection:
            for tag in connection.execute(statement).scalars():
                group = tag.partition(":")[0] if ":" in tag else "other"
                found.setdefault(group, []).append({"id": tag, "label": tag, "type": group})
        return found

    return JSONResponse(await run_in_threadpool(collect))
