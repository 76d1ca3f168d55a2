"""`/api/v1/jobs`: finds and retrains that the hub's workers carry out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Body, Header, Path, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from ticket_hub.errors import HubConflictError
from ticket_hub.estimate import Estimate
from ticket_hub_api.jobs import operations
from ticket_hub_api.jobs.choices import Choices
from ticket_hub_api.jobs.events import server_sent
from ticket_hub_api.jobs.quotas import Allowance
from ticket_hub_api.jobs.requests import JobIn
from ticket_hub_api.jobs.views import JobPage, JobView
from ticket_hub_api.rest.routing import rest_router
from ticket_hub_api.services import services_of
from ticket_hub_api.store.job_tables import State
from ticket_hub_api.web.problems import answers
from ticket_hub_api.web.requests import Administrator, Reader, Writer

__all__ = ["router"]

router = rest_router("/api/v1/jobs", "jobs")
JobId = Annotated[str, Path(pattern="^[0-9a-f]{24}$", examples=["5f0c2d1e9b7a4c3d8e6f1a2b"])]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[\x21-\x7e]{1,100}$",
        description="The same key with the same request makes one job, however often it is sent.",
    ),
]
StateName = Annotated[str, Query(pattern=f"^({'|'.join(State.ALL)})$")]
REFUSALS = answers(401, 403, 422, 429, 503)
EVENT_STREAM = "text/event-stream"
NO_BUFFER = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_EXAMPLES = {
    "find": {
        "summary": "Search with a recipe",
        "value": {
            "kind": "find", "recipe": "digits-quick", "repository": "ada/digits", "trials": 3,
            "levels": 5,
        },
    },
    "retrain": {
        "summary": "Retrain a ticket beside its controls",
        "value": {
            "kind": "retrain", "ticket": "ada/digits:best", "dataset": "digits",
            "against": ["reinit", "dense"], "trials": 5,
        },
    },
}  # fmt: skip
Asked = Annotated[JobIn, Body(openapi_examples=_EXAMPLES)]


@router.post("", status_code=201, responses=answers(400, 401, 403, 404, 409, 422, 429, 503))
def submit_job(
    request: Request, response: Response, caller: Writer, asked: Asked, key: Key = None
) -> JobView:
    """Submit a find or a retrain; the answer says what it will roughly need.

    Only recipes and data sets that the operator offers; `GET /api/v1/jobs/choices` lists them.
    """
    job = operations.submit_job(services_of(request), caller, asked, idempotency_key=key)
    response.headers["Location"] = f"/api/v1/jobs/{job.id}"
    return job


@router.post("/estimate", responses=answers(400, 401, 403, 404, 422, 429, 503))
def estimate_job(request: Request, caller: Writer, asked: Asked) -> Estimate:
    """Say what a job would roughly need, and make none."""
    return operations.estimate_job(services_of(request), caller, asked)


@router.get("/choices", responses=REFUSALS)
def list_choices(request: Request, caller: Reader) -> Choices:
    """What may be asked for."""
    del caller
    return operations.choices(services_of(request))


@router.get("/quota", responses=REFUSALS)
def show_quota(request: Request, caller: Reader) -> Allowance:
    """What the caller's account may use within 30 days and has used, in slot-seconds."""
    return operations.quota_of(services_of(request), caller)


@router.get("/workers", responses=REFUSALS)
def list_workers(request: Request, caller: Administrator) -> list[dict[str, Any]]:
    """Every slot of a worker that has shown itself within a day."""
    del caller
    return operations.list_workers(services_of(request))


@router.get("", responses=answers(400, 401, 403, 422, 429, 503))
def list_jobs(
    request: Request,
    caller: Reader,
    *,
    state: StateName | None = None,
    owner: Annotated[str | None, Query(max_length=96)] = None,
    cursor: Annotated[str | None, Query(max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=operations.MAX_PER_PAGE)] = 50,
) -> JobPage:
    """The caller's jobs, newest first; an administrator sees everybody's."""
    services = services_of(request)
    return operations.list_jobs(
        services, caller, state=state, owner=owner, cursor=cursor, limit=limit
    )


@router.get("/{job_id:identifier}", responses=answers(401, 403, 404, 422, 429, 503))
def show_job(request: Request, caller: Reader, job_id: JobId) -> JobView:
    """One job."""
    return operations.one_job(services_of(request), caller, job_id)


@router.get(
    "/{job_id:identifier}/events",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "Server-sent events until the job has ended",
            "content": {EVENT_STREAM: {"example": 'id: 2\nevent: running\ndata: {"attempt":1}\n'}},
        },
        **answers(401, 403, 404, 422, 429, 503),
    },
)
async def follow_job(
    request: Request,
    caller: Reader,
    job_id: JobId,
    last: Annotated[int, Header(alias="Last-Event-ID", ge=0, le=2**31 - 1)] = 0,
) -> Response:
    """Follow a job: its events behind `Last-Event-ID`, readings of its progress, and its end."""
    services = services_of(request)
    await run_in_threadpool(operations.one_job, services, caller, job_id)

    async def stream() -> AsyncIterator[bytes]:
        """The events as the browser's EventSource reads them."""
        yield b"retry: 2000\n\n"
        async for event in operations.follow(services, job_id, last):
            yield server_sent(event)

    return StreamingResponse(stream(), media_type=EVENT_STREAM, headers=NO_BUFFER)


@router.post("/{job_id:identifier}/cancel", responses=answers(401, 403, 404, 422, 429, 503))
def cancel_job(request: Request, caller: Writer, job_id: JobId) -> JobView:
    """End a job: at once while it waits, within ten seconds while it runs."""
    return operations.cancel_job(services_of(request), caller, job_id)


@router.get("/{job_id:identifier}/result", responses=answers(401, 403, 404, 409, 422, 429, 503))
def show_result(request: Request, caller: Reader, job_id: JobId) -> dict[str, Any]:
    """What came of a finished job: where the bundle is, or the evidence."""
    job = operations.one_job(services_of(request), caller, job_id)
    if job.state != State.FINISHED:
        raise HubConflictError(
            f"The job is {job.state}, so it has no result.",
            job.remedy or "Wait until it is finished; follow it at its /events.",
        )
    return job.result


@router.delete(
    "/{job_id:identifier}", status_code=204, responses=answers(401, 403, 404, 409, 422, 429, 503)
)
def delete_job(request: Request, caller: Writer, job_id: JobId) -> None:
    """Forget a job that has ended. What it pushed stays."""
    operations.delete_job(services_of(request), caller, job_id)
