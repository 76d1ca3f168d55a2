"""Whether the service lives, can work, and how much it does: for supervisors and Prometheus."""

from __future__ import annotations

import logging
from collections.abc import Callable

from fastapi import Depends
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ticket_hub.errors import TicketHubError
from ticket_hub_api.accounts.principals import Scope
from ticket_hub_api.rest.routing import rest_router
from ticket_hub_api.services import Services, services_of
from ticket_hub_api.store.migrate import check_schema
from ticket_hub_api.web.guards import Requires, RequiresNothing
from ticket_hub_api.web.problems import answers

__all__ = ["router"]

_log = logging.getLogger("ticket_hub_api")
OK = "ok"
router = rest_router("", "health")


class Health(BaseModel):
    """That the process answers."""

    status: str


class Readiness(BaseModel):
    """Whether requests can be served; each part is `ok`, or `fails` and the log says why."""

    ready: bool
    database: str
    storage: str


@router.get("/healthz", dependencies=[Depends(RequiresNothing())], responses=answers(401, 429, 503))
async def healthz() -> Health:
    """Whether the process answers. Restart it when it does not."""
    return Health(status=OK)


@router.get(
    "/readyz",
    dependencies=[Depends(RequiresNothing())],
    response_model=Readiness,
    responses={
        **answers(401, 429),
        503: {"model": Readiness, "description": "A part does not work; send no requests."},
    },
)
async def readyz(request: Request) -> Response:
    """Whether database and storage work. Send no requests here while they do not."""
    found = await run_in_threadpool(_examine, services_of(request))
    return JSONResponse(found.model_dump(), 200 if found.ready else 503)


@router.get(
    "/metrics",
    dependencies=[Depends(Requires(Scope.READ))],
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {}}, "description": "Prometheus's text format"},
        **answers(401, 403, 429, 503),
    },
)
async def metrics(request: Request) -> Response:
    """Requests by route and status, their times, and what the hub holds."""
    content = await run_in_threadpool(services_of(request).metrics.exposition)
    return Response(content, media_type=CONTENT_TYPE_LATEST)


def _examine(services: Services) -> Readiness:
    database = _works("database", lambda: check_schema(services.database))
    storage = _works("storage", services.blobs.probe)
    ready = database == storage == OK
    return Readiness(ready=ready, database=database, storage=storage)


def _works(part: str, examine: Callable[[], None]) -> str:
    try:
        examine()
    except TicketHubError as error:
        _log.warning("The %s does not work: %s", part, error)
        return "fails"
    return OK
