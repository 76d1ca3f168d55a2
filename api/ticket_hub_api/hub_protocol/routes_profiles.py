"""What is known about users and organizations."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.engine import Connection
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ticket_hub_api import errors
from ticket_hub_api.accounts.accounts import ORGANIZATION, USER
from ticket_hub_api.accounts.principals import Principal
from ticket_hub_api.services import services_of
from ticket_hub_api.store.names import KINDS
from ticket_hub_api.store.repositories import visible
from ticket_hub_api.store.tables import Account, Membership, Repository
from ticket_hub_api.web.requests import Reader
from ticket_hub_api.web.routing import READ_METHODS, hub_router

__all__ = ["router"]

router = hub_router()


@router.api_route("/api/users/{name}/overview", methods=READ_METHODS)
async def user(request: Request, caller: Reader, name: str) -> Response:
    """A user, the organizations they are in, and how much of theirs the caller may see."""

    def make() -> dict[str, Any]:
        """As the client reads it."""
        with services_of(request).database.read() as connection:
            about = _overview(connection, caller, name, USER)
            statement = (
                select(Account.name, Account.full_name)
                .join(Membership, Membership.organization_id == Account.id)
                .where(Membership.user_id == about["_id"])
                .order_by(Account.name)
            )
            organizations = connection.execute(statement).all()
        orgs = [
            {"name": row.name, "fullname": row.full_name or row.name, "avatarUrl": ""}
            for row in organizations
        ]
        return {**about, "type": "user", "user": about["name"], "orgs": orgs}

    return JSONResponse(await run_in_threadpool(make))


@router.api_route("/api/organizations/{name}/overview", methods=READ_METHODS)
async def organization(request: Request, caller: Reader, name: str) -> Response:
    """An organization, how many are in it, and how much of its the caller may see."""

    def make() -> dict[str, Any]:
        """As the client reads it."""
        with services_of(request).database.read() as connection:
            about = _overview(connection, caller, name, ORGANIZATION)
            members = select(func.count()).where(Membership.organization_id == about["_id"])
            count = connection.scalar(members)
        return {**about, "type": "org", "numUsers": count or 0}

    return JSONResponse(await run_in_threadpool(make))


def _overview(connection: Connection, caller: Principal, name: str, kind: str) -> dict[str, Any]:
    """What is the same for both kinds of accounts.

    Raises:
        ApiError: 404, when there is none of that name.
    """
    row = connection.execute(
        select(Account.id, Account.name, Account.full_name).where(
            Account.key == name.lower(), Account.kind == kind
        )
    ).first()
    if row is None:
        raise errors.ApiError(404, f"There is no {kind} {name[:100]!r} on this hub.")
    statement = (
        select(Repository.kind, func.count())
        .where(Repository.owner_id == row.id, visible(caller))
        .group_by(Repository.kind)
    )
    found = {found.kind: found[1] for found in connection.execute(statement)}
    return {
        "_id": row.id,
        "name": row.name,
        "fullname": row.full_name or row.name,
        "avatarUrl": "",
        "isPro": False,
        "isVerified": False,
        **{f"num{plural.capitalize()}": found.get(one, 0) for plural, one in KINDS.items()},
    }
