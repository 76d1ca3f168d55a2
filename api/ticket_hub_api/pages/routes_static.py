"""The style sheet and the scripts."""

from __future__ import annotations

from fastapi import Depends
from starlette.responses import Response

from ticket_hub_api.accounts.principals import Scope
from ticket_hub_api.errors import ApiError
from ticket_hub_api.pages.router import READ_METHODS, page_router
from ticket_hub_api.pages.security import secure
from ticket_hub_api.pages.sessions import Visits
from ticket_hub_api.pages.static_files import by_address

__all__ = ["router"]

router = page_router()


@router.api_route(
    "/static/{name}", methods=READ_METHODS, dependencies=[Depends(Visits(Scope.ANYONE))]
)
async def static_file(name: str) -> Response:
    """A static file. Its name changes with its content, so browsers need not ask again."""
    found = by_address().get(name)
    if found is None:
        raise ApiError(404, "There is no such file. Load the page again.")
    response = Response(found.body, media_type=found.media_type)
    return secure(response, cache="public, max-age=31536000, immutable")
