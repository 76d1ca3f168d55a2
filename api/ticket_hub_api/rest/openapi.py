"""The description of the REST API, for programs."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse

from ticket_hub_api.accounts.principals import Scope
from ticket_hub_api.rest.routing import rest_router
from ticket_hub_api.web.guards import Requires

__all__ = ["router"]

router: APIRouter = rest_router("/api/v1")


@router.get(
    "/openapi.json",
    include_in_schema=False,
    dependencies=[Depends(Requires(Scope.ANYONE))],
)
async def openapi(request: Request) -> JSONResponse:
    """The description of this API."""
    return JSONResponse(request.app.openapi())
