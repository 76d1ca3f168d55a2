"""Finding the jobs that nobody works on any more, and the deliveries that nobody needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from ticket_hub_api.catalog.database import Database
from ticket_hub_api.jobs.delivery import Delivered, Delivery
from ticket_hub_api.jobs.tables import Job, JobWorker, State
from ticket_hub_api.jobs.transitions import add_event, clock, end, end_stopped, requeue

__all__ = ["MOST_LOSSES", "reap_one", "superseded", "suspects"]

MOST_LOSSES = 12
BATCH = 100
_LOST = {
    "problem": f"{MOST_LOSSES} workers were lost while they worked on this job.",
    "remedy": "It may need more memory than they have; see `ticket hub workers` and their logs.",
}


def suspects(database: Database, delivery: Delivery, lease: int) -> Iterator[str]:
    """Jobs without a sign of life, and jobs that wait though nobody will bring them.

    Args:
        lease: microseconds; a worker that shows no sign of life for so long is lost.
    """
    with database.read() as connection:
        moment = clock(connection)
        late = (Job.state == State.RUNNING) & (Job.lease_until < moment)
        yield from connection.scalars(select(Job.id).where(late).limit(BATCH)).all()
        waiting = (Job.state == State.QUEUED) & (Job.queued_at < moment - lease)
        chosen = select(Job.id, Job.attempt).where(waiting).order_by(Job.queued_at)
        rows = [(row.id, row.attempt) for row in connection.execute(chosen.limit(BATCH))]
        seen = select(JobWorker.id).where(JobWorker.seen_at > moment - lease)
        living = set(connection.scalars(seen))
    held = delivery.holders(rows)
    for row in rows:
        if row not in held or not (held[row] is None or held[row] in living):
            yield row[0]


def reap_one(session: Session, job: Job, lease: int) -> bool:
    """Let a suspect wait again, or end it; whether it is to be offered."""
    moment = clock(session)
    if job.state == State.RUNNING and job.lease_until < moment:
        job.losses += 1
        if job.stop:
            end_stopped(session, job)
            return False
        if job.losses >= MOST_LOSSES:
            end(session, job, State.FAILED, **_LOST)
            return False
        add_event(session, job, "worker-lost", attempt=job.attempt)
        requeue(session, job)
        return True
    if job.state == State.QUEUED and job.queued_at < moment - lease:
        requeue(session, job)  # the attempt that went astray is worth nothing from now on
        return True
    return False


def superseded(database: Database, attempts: Sequence[Delivered]) -> list[Delivered]:
    """Of these attempts, those that are no living job's present one."""
    living: set[Delivered] = set()
    names = sorted({job_id for job_id, _ in attempts})
    with database.read() as connection:
        for first in range(0, len(names), BATCH):
            chosen = select(Job.id, Job.attempt).where(
                Job.id.in_(names[first : first + BATCH]), Job.state.not_in(State.ENDED)
            )
            living |= {(row.id, row.attempt) for row in connection.execute(chosen)}
    return [each for each in attempts if each not in living]
