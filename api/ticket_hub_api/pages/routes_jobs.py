"""Jobs: all of them, one with its progress, the forms that submit them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ticket_hub.errors import TicketHubError
from ticket_hub_api.accounts.principals import Principal
from ticket_hub_api.catalog.ticket_query import TicketFilter
from ticket_hub_api.catalog.ticket_shapes import TicketItem
from ticket_hub_api.catalog.tickets import page_of
from ticket_hub_api.errors import ApiError
from ticket_hub_api.jobs import operations
from ticket_hub_api.jobs.events import news
from ticket_hub_api.jobs.requests import FindIn, RetrainIn
from ticket_hub_api.pages.forms import Fields
from ticket_hub_api.pages.job_form import FIND, KEY, RETRAIN, first_values, read_job
from ticket_hub_api.pages.rendering import is_fragment, render
from ticket_hub_api.pages.router import READ_METHODS, page_router
from ticket_hub_api.pages.security import secure
from ticket_hub_api.pages.sessions import SignedIn, Writer
from ticket_hub_api.pages.trial_drawing import curves_figure
from ticket_hub_api.services import Services, services_of
from ticket_hub_api.store.job_tables import State
from ticket_hub_api.web.problems import problem_of

__all__ = ["router"]

router = page_router()
LATEST = 40
OFFERED = 12
"""Tickets that a form offers to choose from."""
_SERVER_ERROR = 500


@router.api_route("/jobs", methods=READ_METHODS)
async def jobs(request: Request, visitor: SignedIn) -> Response:
    """The jobs that the visitor may see, newest first."""
    services, query = services_of(request), request.query_params
    state = query.get("state", "") if query.get("state", "") in State.ALL else ""
    page = await run_in_threadpool(
        operations.list_jobs, services, visitor, state=state, cursor=query.get("cursor", "")[:100]
    )
    context = {
        "page": page,
        "state": state,
        "states": State.ALL,
        "quota": await run_in_threadpool(operations.quota_of, services, visitor),
    }
    return render(request, "jobs.html", context)


@router.api_route("/jobs/new", methods=READ_METHODS)
async def job_form(request: Request, visitor: Writer) -> Response:
    """The forms that submit a retraining or a search."""
    del visitor
    kind = FIND if request.query_params.get("kind") == FIND else RETRAIN
    values = first_values(kind, request.query_params.get("ticket", "")[:400])
    return _form(request, values)


@router.api_route("/jobs/tickets", methods=READ_METHODS)
async def tickets(request: Request, visitor: Writer) -> Response:
    """The tickets that fit what was typed so far, as what a form offers to choose from."""
    text = request.query_params.get("ticket", "").partition(":")[0].partition("@")[0][:200]
    found = await run_in_threadpool(_fitting, services_of(request), visitor, text)
    return render(request, "_tickets.html", {"tickets": found})


def _fitting(services: Services, visitor: Principal, text: str) -> tuple[TicketItem, ...]:
    with services.database.read() as connection:
        found = page_of(connection, TicketFilter(text=text), visitor, limit=OFFERED)
    return tuple(item for item in found.items if not item.source)


@router.post("/jobs")
async def submit(request: Request, visitor: Writer, fields: Fields) -> Response:
    """Submit a job, or with `estimate` say what it would need; sent twice, it makes one job."""
    services = services_of(request)
    asked, problems = read_job(fields, operations.choices(services).controls)
    if asked is None:
        return _form(request, fields, problems=problems, status=422)
    try:
        if "estimate" in fields:
            estimate = await run_in_threadpool(operations.estimate_job, services, visitor, asked)
            return _form(request, fields, estimate=estimate)
        key = fields.get(KEY, "")[:100] or None
        job = await run_in_threadpool(_submitted, request, visitor, asked, key)
    except (ApiError, TicketHubError) as error:
        problem = problem_of(error)
        if problem.status >= _SERVER_ERROR:
            raise
        told = {"": f"{problem.detail} {'' if isinstance(error, ApiError) else problem.remedy}"}
        return _form(request, fields, problems=told, status=problem.status)
    return secure(RedirectResponse(f"/jobs/{job.id}", 303), cache="no-store")


def _submitted(
    request: Request, visitor: Principal, asked: FindIn | RetrainIn, key: str | None
) -> operations.JobView:
    return operations.submit_job(services_of(request), visitor, asked, idempotency_key=key)


def _form(
    request: Request,
    values: Mapping[str, str],
    *,
    problems: Mapping[str, str] | None = None,
    estimate: Any = None,  # noqa: ANN401 - an Estimate, or nothing
    status: int = 200,
) -> Response:
    context = {
        "values": defaultdict(str, values),  # what was left empty is not sent
        "problems": problems or {},
        "estimate": estimate,
        "choices": operations.choices(services_of(request)),
    }
    return render(request, "job_form.html", context, status=status, forms=True)


@router.api_route("/jobs/{job_id}", methods=READ_METHODS)
async def job(request: Request, visitor: SignedIn, job_id: str) -> Response:
    """One job; with htmx only the part that changes, which asks again until the job has ended."""
    services = services_of(request)
    found = await run_in_threadpool(operations.one_job, services, visitor, job_id)
    events, _, _ = await run_in_threadpool(news, services, job_id, max(0, found.events - LATEST))
    seen = request.query_params.get("seen", "")
    curves = curves_figure(found.progress.get("curves", {}))
    context = {"job": found, "events": events[::-1], "seen": seen, "curves": curves}
    return render(request, "_job.html" if is_fragment(request) else "job.html", context)


@router.post("/jobs/{job_id}/cancel")
async def cancel(request: Request, visitor: Writer, fields: Fields, job_id: str) -> Response:
    """End a job."""
    del fields
    await run_in_threadpool(operations.cancel_job, services_of(request), visitor, job_id)
    return secure(RedirectResponse(f"/jobs/{job_id}", 303), cache="no-store")


@router.post("/jobs/{job_id}/delete")
async def delete(request: Request, visitor: Writer, fields: Fields, job_id: str) -> Response:
    """Forget a job that has ended."""
    del fields
    await run_in_threadpool(operations.delete_job, services_of(request), visitor, job_id)
    return secure(RedirectResponse("/jobs", 303), cache="no-store")
