"""How a job's row changes, each step with the event that tells of it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from ticket_hub.durable import canonical_json
from ticket_hub_api.jobs.leases import Command
from ticket_hub_api.store.job_tables import EventKind, Job, JobEvent, JobState, State
from ticket_hub_api.store.tables import SECOND, now

__all__ = ["SECOND", "add_event", "clock", "end", "end_stopped", "locked", "requeue"]

_QUOTA = {
    "problem": "The account's share of the workers' time is used up.",
    "remedy": "Wait until older jobs leave the window, or ask the operator for more "
    "(`ticket hub quota`).",
}


def clock(session: Any) -> int:  # noqa: ANN401 - a session or a connection
    """Microseconds since 1970, by the clock that all workers share: the database's."""
    bind = session.get_bind() if isinstance(session, Session) else session
    # SQLite has no server: the processes of its hub are on one machine, with one clock.
    if bind.dialect.name == "sqlite":
        return now()
    # PostgreSQL's now() stands still within a transaction, however long it waits for a row.
    statement = select(func.extract("epoch", text("clock_timestamp()")))
    return round(float(session.execute(statement).scalar_one()) * SECOND)


def add_event(session: Session, job: Job, kind: EventKind, **data: object) -> None:
    """Tell those who follow."""
    # The row is locked, so that numbers have no gaps and no twins, and followers can resume by
    # them.
    job.events += 1
    line = canonical_json(data).decode()
    session.add(JobEvent(job_id=job.id, number=job.events, kind=kind, data=line))


def locked(session: Session, job_id: str) -> Job | None:
    """A job that nobody else changes until the transaction ends."""
    return session.get(Job, job_id, with_for_update=True)


def requeue(session: Session, job: Job) -> None:
    """Let it wait under its next attempt; who held the one before can change nothing."""
    job.state, job.worker_id, job.lease_until = State.QUEUED, "", 0
    job.attempt += 1
    add_event(session, job, "queued", attempt=job.attempt)


def end(session: Session, job: Job, state: JobState, problem: str = "", remedy: str = "") -> None:
    """Bring it to a state that never changes again."""
    job.state, job.finished_at = state, clock(session)
    job.worker_id, job.lease_until = "", 0
    job.problem, job.remedy = problem, remedy
    told = {"problem": problem, "remedy": remedy} if problem else {}
    add_event(session, job, state, **told)


def end_stopped(session: Session, job: Job) -> None:
    """End a job that was to stop, by the reason for it."""
    if job.stop == Command.QUOTA:
        end(session, job, State.FAILED, **_QUOTA)
    else:
        end(session, job, State.CANCELLED)
