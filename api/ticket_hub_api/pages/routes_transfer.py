"""The transfer matrix: what tickets came to on data other than their own."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from ticket_hub_api.accounts.principals import Principal
from ticket_hub_api.catalog.transfers import Transfer, transfer_of
from ticket_hub_api.pages.rendering import render
from ticket_hub_api.pages.router import READ_METHODS, page_router
from ticket_hub_api.pages.sessions import Anyone
from ticket_hub_api.services import Services, services_of
from ticket_hub_api.web.requests import endpoint_of

__all__ = ["router"]

router = page_router()
FIELDS = ("network", "found_on", "dataset", "owner")
MAX_LENGTH, MAX_CURSOR, PAGE = 200, 1000, 50


@router.api_route("/transfer", methods=READ_METHODS)
async def transfer(request: Request, visitor: Anyone) -> Response:
    """Every ticket and level that somebody has retrained, by data set."""
    query = request.query_params
    values = {name: query.get(name, "").strip()[:MAX_LENGTH] for name in FIELDS}
    cursor = query.get("cursor", "")[:MAX_CURSOR]
    matrix = await run_in_threadpool(_matrix, services_of(request), visitor, values, cursor)
    further = urlencode(values | {"cursor": matrix.next_cursor}) if matrix.next_cursor else ""
    context = {
        "matrix": matrix,
        "values": values,
        "further": further,
        "endpoint": endpoint_of(request),
    }
    return render(request, "transfer.html", context)


def _matrix(
    services: Services, visitor: Principal, values: dict[str, str], cursor: str
) -> Transfer:
    with services.database.read() as connection:
        return transfer_of(connection, visitor, cursor=cursor, limit=PAGE, **values)
