"""The service as an ASGI application.

Import string for a server process: `ticket_hub_api.app:from_environment` (a factory).
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import logging
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from http import HTTPStatus
from typing import IO, TYPE_CHECKING
from urllib.parse import unquote

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from ticket_hub import __version__
from ticket_hub.errors import TicketHubError
from ticket_hub_api.errors import ApiError, error_response
from ticket_hub_api.hub_protocol import (
    routes_account,
    routes_files,
    routes_profiles,
    routes_repositories,
    routes_revisions,
    routes_unsupported,
    routes_uploads,
    routes_xet,
)
from ticket_hub_api.observing.logs import configure_logging
from ticket_hub_api.observing.requests import Observed
from ticket_hub_api.pages import routes_account as pages_account
from ticket_hub_api.pages import routes_compare as pages_compare
from ticket_hub_api.pages import routes_experiments as pages_experiments
from ticket_hub_api.pages import routes_jobs as pages_jobs
from ticket_hub_api.pages import routes_leaderboard as pages_leaderboard
from ticket_hub_api.pages import routes_links as pages_links
from ticket_hub_api.pages import routes_openid as pages_openid
from ticket_hub_api.pages import routes_operator as pages_operator
from ticket_hub_api.pages import routes_static as pages_static
from ticket_hub_api.pages import routes_tickets as pages_tickets
from ticket_hub_api.pages import routes_transfer as pages_transfer
from ticket_hub_api.pages.failures import failure_page, wants_page
from ticket_hub_api.pages.sessions import visitor_of
from ticket_hub_api.response_cache import CachedResponses
from ticket_hub_api.rest import (
    experiments,
    health,
    jobs,
    leaderboard,
    openapi,
    ticket_parts,
    tickets,
    webhooks,
)
from ticket_hub_api.rest.routing import RestRoute
from ticket_hub_api.services import Services
from ticket_hub_api.settings import Settings
from ticket_hub_api.store.database import Database
from ticket_hub_api.store.migrate import check_schema
from ticket_hub_api.store.names import ENCODED_SLASH
from ticket_hub_api.web.problems import problem_response, speaks_problems
from ticket_hub_api.web.routing import HubRoute
from ticket_hub_api.webhooks.forgetting import forget_deliveries
from ticket_hub_api.webhooks.sending import deliver_due

if TYPE_CHECKING:  # older versions have none, and pass over what they do not know
    from fastapi.telemetry import TelemetryConfig

__all__ = ["create_app", "from_environment", "scopes_of"]

_log = logging.getLogger("ticket_hub_api")
FLUSH_SECONDS = 10.0
LOG_FLUSH_SECONDS = 0.5
WEBHOOK_SECONDS = 2.0
FORGET_SECONDS = 3600.0
LOG_BUFFER = 1 << 16
# FastAPI's own would look for a collector at each request, and tell it whole addresses: some of
# them carry a permission. `observing` counts and logs instead.
NO_TELEMETRY: TelemetryConfig = {
    "tracing": False, "metrics": False, "logs": False, "auto_configure": False,
}  # fmt: skip
ROUTERS: tuple[APIRouter, ...] = (  # in the order in which they are tried
    experiments.router,
    leaderboard.router,
    ticket_parts.router,
    tickets.router,  # the REST API comes first, since the protocol's names could swallow its own
    jobs.router,
    webhooks.router,
    routes_profiles.router,  # these come first, since `{kind}` could be any word
    routes_unsupported.router,
    routes_files.router,
    routes_repositories.router,
    routes_revisions.router,
    routes_xet.router,
    routes_uploads.router,
    routes_account.router,
    health.router,
    openapi.router,
    pages_static.router,
    pages_tickets.router,
    pages_compare.router,
    pages_leaderboard.router,
    pages_transfer.router,
    pages_experiments.router,
    pages_jobs.router,
    pages_account.router,
    pages_openid.router,
    pages_operator.router,
    pages_links.router,  # last: it takes any two names
)


class KeepEncodedSlashes:
    """A slash that a client wrote as `%2F` belongs to a name: routing must not split there."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an application."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Decode everything in the path but encoded slashes."""
        raw = scope.get("raw_path")
        if scope["type"] == "http" and raw and b"%2f" in raw.lower():
            pieces = raw.decode("latin-1").replace("%2f", ENCODED_SLASH).split(ENCODED_SLASH)
            scope = {**scope, "path": ENCODED_SLASH.join(unquote(piece) for piece in pieces)}
        await self.app(scope, receive, send)


def create_app(
    settings: Settings, routers: Sequence[APIRouter] = ROUTERS, *, log: IO[str] | None = None
) -> FastAPI:
    """Build the service.

    Args:
        settings: the operator's choices.
        routers: the routes, in the order in which they are tried.
        log: where a line for each request is written to; flushed twice a second.

    Raises:
        HubError: the database has another schema than this version; migrate it first.
        RuntimeError: a route declares no scope, or is of no kind that limits bodies.
    """
    app = FastAPI(
        title="Ticket Hub",
        version=__version__,
        lifespan=_lifespan,
        openapi_url=None,  # served by a route that declares its scope, like every other
        docs_url=None,  # FastAPI's pages load scripts from other hosts
        redoc_url=None,
        telemetry=NO_TELEMETRY,
    )
    for router in routers:
        app.router.routes.extend(router.routes)
    for route, scope in scopes_of(app):
        if not scope:
            raise RuntimeError(f"the route {route.path} declares no scope")
        # The one limits every body, the other lets each route read its own up to a limit.
        limited = isinstance(route, RestRoute | HubRoute)
        if not limited:
            raise RuntimeError(f"the route {route.path} is of no kind that limits bodies")
    database = Database(settings.database_url)
    try:
        check_schema(database)
    finally:
        database.close()
    services = app.state.services = Services(settings)
    app.state.log = log
    for kind in (ApiError, TicketHubError, RequestValidationError, Exception):
        app.add_exception_handler(kind, _handle)
    app.add_exception_handler(HTTPException, _handle_http)
    app.add_middleware(KeepEncodedSlashes)
    app.add_middleware(CachedResponses, cache=services.cache, limits=services.requests)
    app.add_middleware(Observed, metrics=services.metrics, log=log)
    return app


def from_environment() -> FastAPI:
    """Build the service from the environment, for a server process."""
    settings = Settings.from_environment()
    configure_logging(settings.log_level)
    wanted = settings.log_level in {"debug", "info"}
    log = open(sys.stderr.fileno(), "w", buffering=LOG_BUFFER, closefd=False, encoding="utf-8")  # noqa: SIM115 - a second, buffered way to the same place, open as long as the process
    app = create_app(settings, log=log if wanted else None)
    gc.freeze()  # what was imported stays, and need not be looked through again
    gc.enable()  # `ticket serve` starts without
    return app


def scopes_of(app: FastAPI) -> Iterator[tuple[APIRoute, str]]:
    """Every route with the scope that one of its dependencies declares, or an empty string."""
    for route in app.routes:
        if isinstance(route, APIRoute):
            scopes = [getattr(d.call, "scope", "") for d in route.dependant.dependencies]
            yield route, next((scope for scope in scopes if scope), "")


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    services: Services = app.state.services
    log: IO[str] | None = app.state.log
    if "torch" not in sys.modules:  # else nothing would be spared
        services.torch_process.start()

    def flush() -> None:
        """Write what was counted, and enter what was not."""
        services.flush_downloads()
        services.index_rest()

    steps: list[tuple[float, Callable[[], object], str]] = [
        (
            FLUSH_SECONDS,
            flush,
            "Download counts or the catalog could not be written; both are tried again later.",
        ),
        (
            FORGET_SECONDS,
            lambda: forget_deliveries(services.database),
            "Old deliveries of webhooks could not be removed; it is tried again.",
        ),
    ]
    if services.settings.webhook_hosts:
        send = functools.partial(deliver_due, services.database, services.settings)
        failure = "Webhooks could not be sent; they are tried again later."
        steps.append((WEBHOOK_SECONDS, send, failure))
    tasks = [asyncio.create_task(_regularly(*step)) for step in steps]
    if log is not None:
        tasks.append(asyncio.create_task(_flush_log(log)))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        if log is not None:
            with contextlib.suppress(OSError):
                log.flush()
        await run_in_threadpool(services.flush_downloads)
        services.close()


async def _regularly(seconds: float, step: Callable[[], object], failure: str) -> None:
    """Take a step again and again; whatever fails is said, and tried again the next time."""
    while True:
        await asyncio.sleep(seconds)
        try:
            await run_in_threadpool(step)
        except TicketHubError:
            _log.warning(failure)
        except Exception:  # noqa: BLE001 - a task that ended would be missed by nobody
            _log.exception(failure)


async def _flush_log(log: IO[str]) -> None:
    while True:
        await asyncio.sleep(LOG_FLUSH_SECONDS)
        with contextlib.suppress(OSError):  # a full disk: the lines stay where they are
            log.flush()


async def _handle(request: Request, error: Exception) -> Response:
    response = _response(request, error)
    response.headers.setdefault("X-Request-Id", request.scope.get("request_id", ""))
    if response.status_code >= 500 and not isinstance(error, ApiError):  # noqa: PLR2004 - server errors
        _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return response


async def _handle_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == 405:  # noqa: PLR2004 - the router names the methods of one route only
        matching = [
            route.methods or set()
            for route, _ in scopes_of(request.app)
            if route.matches(request.scope)[0] is not Match.NONE
        ]
        headers["Allow"] = ", ".join(sorted(set[str]().union(*matching)))
    detail = str(error.detail)
    if detail == HTTPStatus.NOT_FOUND.phrase:  # no route fits
        detail = "There is nothing at this address."
        if wants_page(request):
            # No route has asked who is signed in; where that cannot be told, nobody is.
            with contextlib.suppress(ApiError):
                await visitor_of(request)
    return _response(request, ApiError(error.status_code, detail, headers=headers))


def _response(request: Request, error: Exception) -> Response:
    if speaks_problems(request):
        return problem_response(request, error)
    if wants_page(request):
        return failure_page(request, error)
    return error_response(request, error)
