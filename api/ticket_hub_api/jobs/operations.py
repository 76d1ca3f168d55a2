"""What the service's routes and pages do with jobs. Every function is synchronous but `follow`.

Raises (from every function):
    HubNotFoundError: there is no such job, or the viewer may not see it.
    HubUnavailableError: the database is busy.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from ticket_hub.durable import canonical_json
from ticket_hub.errors import HubAccessError, HubConflictError, HubError, HubNotFoundError
from ticket_hub.estimate import Estimate
from ticket_hub_api.accounts.principals import Principal, Scope
from ticket_hub_api.errors import ApiError
from ticket_hub_api.jobs import overview
from ticket_hub_api.jobs.choices import Choices, choices_of
from ticket_hub_api.jobs.events import Event, follow
from ticket_hub_api.jobs.planning import offered_controls, plan_job
from ticket_hub_api.jobs.queue import JobQueue
from ticket_hub_api.jobs.quotas import Allowance, allowance
from ticket_hub_api.jobs.requests import FindIn, RetrainIn
from ticket_hub_api.jobs.transitions import add_event
from ticket_hub_api.jobs.views import JobPage, JobView, job_rows, view_of, visible
from ticket_hub_api.store.job_tables import Job, JobEvent, State
from ticket_hub_api.store.tables import Account, now
from ticket_hub_api.torch_process import OpenHub

__all__ = [
    "Event",
    "JobPage",
    "JobView",
    "cancel_job",
    "choices",
    "delete_job",
    "estimate_job",
    "follow",
    "list_jobs",
    "list_workers",
    "one_job",
    "quota_of",
    "submit_job",
]

USUAL_PRIORITY = 5
MAX_PER_PAGE = 100


def choices(hub: OpenHub) -> Choices:
    """What may be asked for: the lists of a submit form."""
    return choices_of(hub.settings, hub.torch_process.call(offered_controls))


def estimate_job(hub: OpenHub, viewer: Principal, request: FindIn | RetrainIn) -> Estimate:
    """What a job would roughly need; nothing is made.

    Raises:
        RecipeError, NetworkError, TicketNotFoundError: it names what is not offered or not there,
            or a value that cannot be.
        EvidenceError: a control needs weights that the bundle left out.
        MemoryLimitError: it needs more memory than the operator lets a job have.
        ApiError: the viewer may not read the ticket, or not write to the repository.
    """
    return hub.torch_process.call(plan_job, viewer, request).estimate


def quota_of(hub: OpenHub, viewer: Principal) -> Allowance:
    """What the viewer's account may use and has used."""
    with hub.database.read() as connection, Session(bind=connection) as session:
        limit = hub.settings.job_quota_seconds
        return allowance(session, viewer.account_id, limit, now())


def submit_job(
    hub: OpenHub,
    viewer: Principal,
    request: FindIn | RetrainIn,
    *,
    idempotency_key: str | None = None,
) -> JobView:
    """Make a job; with the same key and request again, the one that was made before.

    Raises:
        RecipeError, NetworkError, TicketNotFoundError: it names what is not offered or not there,
            or a value that cannot be.
        EvidenceError: a control needs weights that the bundle left out.
        MemoryLimitError: it needs more memory than the operator lets a job have.
        ApiError: the viewer may not read the ticket, or not write to the repository.
        HubAccessError: the priority takes an administrator.
        HubConflictError: the key was used for another request.
        ApiError: 429, the account's quota is used up or too many of its jobs wait.
    """
    digest = hashlib.sha256(canonical_json(request.model_dump(mode="json"))).hexdigest()
    before = _made_before(hub, viewer, idempotency_key, digest)
    if before is not None:
        return one_job(hub, viewer, before)
    if request.priority > USUAL_PRIORITY and viewer.scope != Scope.ADMIN:
        raise HubAccessError(
            f"The priority {request.priority} takes an administrator's token.",
            f"Use at most {USUAL_PRIORITY}.",
        )
    planned = hub.torch_process.call(plan_job, viewer, request)

    def make(session: Session) -> str:
        """Enter the job, or find the one that was submitted with the same key."""
        known = _job_with_key(session, viewer, idempotency_key)
        if known is not None:
            return _same(known, digest)
        settings = hub.settings
        share = allowance(session, viewer.account_id, settings.job_quota_seconds, now())
        if share.spent:
            raise ApiError(
                429,
                f"Your account has used {share.used:.0f} of its {share.seconds} slot-seconds "
                "within 30 days. Wait until older jobs leave the window, or ask the operator for "
                "more.",
                headers={"Retry-After": "3600"},
            )
        statement = select(func.count()).where(
            Job.account_id == viewer.account_id, Job.state == State.QUEUED
        )
        waiting = session.scalar(statement) or 0
        if waiting >= settings.job_waiting:
            raise ApiError(
                429,
                f"{waiting} of your jobs wait already. Let them be done, or cancel some.",
                headers={"Retry-After": "60"},
            )
        job = Job(
            account_id=viewer.account_id,
            kind=request.kind,
            title=planned.title[:300],
            spec=canonical_json(planned.spec).decode(),
            repository=planned.repository,
            priority=request.priority,
            estimate=canonical_json(planned.estimate.to_dict()).decode(),
            idempotency_key=idempotency_key,
            request_digest=digest,
            events=0,
            attempt=1,
        )
        session.add(job)
        session.flush()
        add_event(session, job, State.QUEUED, attempt=job.attempt)
        return job.id

    return one_job(hub, viewer, hub.database.transact(make))


def list_jobs(
    hub: OpenHub,
    viewer: Principal,
    *,
    state: str | None = None,
    owner: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> JobPage:
    """The jobs that a viewer may see, newest first.

    Raises:
        HubError: the cursor is not one of ours.
    """
    statement = visible(job_rows(), viewer).order_by(Job.created_at.desc(), Job.id.desc())
    if state:
        statement = statement.where(Job.state == state)
    if owner:
        statement = statement.where(Account.key == owner.lower())
    if cursor:
        match = re.fullmatch(r"([0-9]{1,18})-([0-9a-f]{1,24})", cursor)
        if match is None:
            raise HubError(
                f"{cursor[:80]!r} is no cursor.", "Take `next_cursor` of a page as it is."
            )
        moment, job_id = int(match[1]), match[2]
        earlier = (Job.created_at < moment) | ((Job.created_at == moment) & (Job.id < job_id))
        statement = statement.where(earlier)
    size = max(1, min(limit, MAX_PER_PAGE))
    with hub.database.read() as connection:
        rows = connection.execute(statement.limit(size + 1)).all()
    items = tuple(view_of(row) for row in rows[:size])
    more = f"{items[-1].created_at}-{items[-1].id}" if len(rows) > size else None
    return JobPage(items, more)


def one_job(hub: OpenHub, viewer: Principal, job_id: str) -> JobView:
    """One job.

    Raises:
        HubNotFoundError: there is none of this id that the viewer may see.
    """
    with hub.database.read() as connection:
        row = connection.execute(visible(job_rows(), viewer).where(Job.id == job_id)).first()
    if row is None:
        raise HubNotFoundError(f"There is no job {job_id!r}.", "List your jobs: GET /api/v1/jobs.")
    return view_of(row)


def cancel_job(hub: OpenHub, viewer: Principal, job_id: str) -> JobView:
    """End a job: at once while it waits, within ten seconds while it runs.

    A job that has ended stays as it is.

    Raises:
        HubNotFoundError: there is none of this id that the viewer may see.
    """
    one_job(hub, viewer, job_id)
    JobQueue(hub.database).cancel(job_id)
    return one_job(hub, viewer, job_id)


def delete_job(hub: OpenHub, viewer: Principal, job_id: str) -> None:
    """Forget a job that has ended. What it pushed stays.

    Raises:
        HubConflictError: it has not ended.
    """
    one_job(hub, viewer, job_id)

    def forget(session: Session) -> None:
        """Delete the job and its events, if it has ended."""
        job = session.get(Job, job_id, with_for_update=True)
        if job is None:
            return
        if job.state not in State.ENDED:
            raise HubConflictError(
                f"The job {job_id} is {job.state}.", "Cancel it first, then delete it."
            )
        session.execute(delete(JobEvent).where(JobEvent.job_id == job_id))
        session.delete(job)

    hub.database.transact(forget)


def list_workers(hub: OpenHub) -> list[dict[str, Any]]:
    """Every slot of a worker that has shown itself within the last day; for administrators."""
    return overview.slots(hub.database)


def _job_with_key(session: Session, viewer: Principal, key: str | None) -> tuple[str, str] | None:
    if key is None:
        return None
    row = session.execute(
        select(Job.id, Job.request_digest).where(
            Job.account_id == viewer.account_id, Job.idempotency_key == key
        )
    ).first()
    return None if row is None else (row.id, row.request_digest)


def _made_before(hub: OpenHub, viewer: Principal, key: str | None, digest: str) -> str | None:
    with hub.database.read() as connection, Session(bind=connection) as session:
        known = _job_with_key(session, viewer, key)
    return None if known is None else _same(known, digest)


def _same(known: tuple[str, str], digest: str) -> str:
    if known[1] != digest:
        raise HubConflictError(
            "This Idempotency-Key was used for another request.",
            "Use a new key for a new request.",
        )
    return known[0]
