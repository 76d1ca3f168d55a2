"""Finding the jobs that nobody works on any more."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from ticket_hub_api.jobs.transitions import add_event, clock, end, end_stopped, locked, requeue
from ticket_hub_api.store.database import Database
from ticket_hub_api.store.job_tables import Job, State

__all__ = ["MAX_LOSSES", "reap_one", "suspects"]

MAX_LOSSES = 12
"""Workers that a job may lose before it counts as failed: it may be what ends them."""
BATCH = 100
_LOST = {
    "problem": f"{MAX_LOSSES} workers were lost while they worked on this job.",
    "remedy": "It may need more memory than they have; see `ticket hub workers` and their logs.",
}


def suspects(database: Database) -> Sequence[str]:
    """Running jobs whose workers have shown no sign of life for a lease, at most so many."""
    with database.read() as connection:
        late = (Job.state == State.RUNNING) & (Job.lease_until < clock(connection))
        return connection.scalars(select(Job.id).where(late).limit(BATCH)).all()


def reap_one(job_id: str, session: Session) -> bool:
    """Let a suspect wait again, or end it; whether it waits."""
    # Looked at again under the lock: a sign of life may have come since it was suspected.
    job = locked(session, job_id)
    if job is None or job.state != State.RUNNING or job.lease_until >= clock(session):
        return False
    job.losses += 1
    # Whoever was to stop it is gone, and nobody should begin it again only to stop it.
    if job.stop:
        end_stopped(session, job)
        return False
    if job.losses >= MAX_LOSSES:
        end(session, job, State.FAILED, **_LOST)
        return False
    add_event(session, job, "worker-lost", attempt=job.attempt)
    requeue(session, job)
    return True
