"""The addresses that clients of the Hub print for a repository lead to its page."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import Depends
from starlette.responses import RedirectResponse, Response

from ticket_hub_api.accounts.accounts import is_reserved
from ticket_hub_api.accounts.principals import Scope
from ticket_hub_api.errors import ApiError
from ticket_hub_api.pages.router import READ_METHODS
from ticket_hub_api.pages.security import secure
from ticket_hub_api.pages.sessions import Visits
from ticket_hub_api.web.routing import hub_router

__all__ = ["router"]

router = hub_router()  # tried last: what is refused here is refused as the protocol does it


@router.api_route(
    "/{owner}/{name}", methods=READ_METHODS, dependencies=[Depends(Visits(Scope.ANYONE))]
)
async def repository(owner: str, name: str) -> Response:
    """The page of a repository."""
    if is_reserved(owner):
        raise ApiError(404, "Not Found")
    return secure(RedirectResponse(f"/tickets/{quote(owner)}/{quote(name)}", 307))
