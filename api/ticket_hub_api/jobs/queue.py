"""Who may work on which job: turns, leases, fencing, and what becomes of a job in the end.

The jobs' own rows are the queue. A worker takes the first that waits: of those of the highest
priority the one that was submitted first, whatever has happened to it since. It shows signs of life
while it works; when they stop, the reaper raises the job's attempt, and the job waits again in its
old place. Whoever worked under the attempt before can change nothing any more. So no job is lost,
and none is finished twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from ticket_hub.durable import canonical_json
from ticket_hub_api.jobs.leases import Command, CommandName, Lease, WorkerEvent
from ticket_hub_api.jobs.quotas import over_quota
from ticket_hub_api.jobs.transitions import (
    SECOND,
    add_event,
    clock,
    end,
    end_stopped,
    locked,
    requeue,
)
from ticket_hub_api.store.database import Database
from ticket_hub_api.store.job_tables import Job, State

__all__ = ["MAX_LOSSES", "JobQueue"]

LEASE_SECONDS = 30.0
MAX_FAILURES = 3


class JobQueue:
    """The queue as everybody uses it: the service, its operator and its workers.

    Raises (from every method):
        HubUnavailableError: the database is busy; nothing was changed.
    """

    def __init__(self, database: Database, *, lease_seconds: float = LEASE_SECONDS) -> None:
        """Work on a hub's database.

        Args:
            lease_seconds: a worker that shows no sign of life for so long has lost its job.
        """
        self.database = database
        self.lease_seconds = lease_seconds

    def claim(self, worker_id: str) -> Lease | None:
        """The right to work on the job whose turn it is; None where none waits."""
        with self.database.read() as connection:
            if connection.execute(_next()).first() is None:
                return None  # mostly; a look takes no lock

        def take(session: Session) -> Lease | None:
            """Take the first job that waits, under its lock."""
            # PostgreSQL passes over a row that another worker is taking; SQLite has one writer.
            job_id = session.scalar(_next().with_for_update(skip_locked=True))
            # Looked at within the transaction: since the question without a lock, another may have
            # taken it.
            job = None if job_id is None else session.get(Job, job_id)
            if job is None:
                return None
            moment = clock(session)
            job.state, job.worker_id = State.RUNNING, worker_id
            # Of the first attempt: a job that waits again has begun long ago.
            job.started_at = job.started_at or moment
            job.lease_until = moment + round(self.lease_seconds * SECOND)
            add_event(session, job, "running", attempt=job.attempt)
            return Lease(
                job_id=job.id,
                attempt=job.attempt,
                worker_id=worker_id,
                kind=job.kind,
                spec=json.loads(job.spec),
                repository=job.repository,
            )

        return self.database.transact(take)

    def heartbeat(
        self,
        lease: Lease,
        *,
        seconds: float,
        progress: Mapping[str, Any] | None = None,
        happened: Sequence[WorkerEvent] = (),
        quota: int = 0,
    ) -> CommandName:
        """Show a sign of life, and hear what to do; see `Command`.

        Args:
            seconds: of a slot that were used since the last one.
            progress: the newest reading, where there is a new one.
            happened: events for those who follow.
            quota: slot-seconds that an account may use where nothing else is said; 0 is no limit.
        """

        def act(session: Session) -> CommandName:
            """Prolong the lease, add the time that was used, and find what the worker is to do."""
            job = self._held(session, lease)
            if job is None:
                return Command.LOST
            moment = clock(session)  # the database's: the workers' clocks may differ
            job.lease_until = moment + round(self.lease_seconds * SECOND)
            job.used += round(seconds * SECOND)
            if progress is not None:
                job.progress = canonical_json(dict(progress)).decode()
            for kind, data in happened:
                add_event(session, job, kind, **data)
            # A stop that was ordered keeps its reason.
            if not job.stop and over_quota(session, job.account_id, quota, moment):
                job.stop = Command.QUOTA
            return job.stop or Command.GO_ON

        return self.database.transact(act)

    def finish(
        self,
        lease: Lease,
        result: Mapping[str, Any],
        also: Callable[[Session, Job], None] | None = None,
    ) -> bool:
        """Say that the work is done; False where the job was handed to another meanwhile.

        Args:
            also: what is to be written in the same transaction.
        """

        def act(session: Session, job: Job) -> None:
            """Enter the result, and end the job."""
            job.result = canonical_json(dict(result)).decode()
            if also is not None:
                also(session, job)
            end(session, job, State.FINISHED)

        return self._leave(lease, act)

    def fail(self, lease: Lease, problem: str, remedy: str, *, for_good: bool = False) -> bool:
        """Say that the work failed: it is tried again, up to three times in all.

        Args:
            for_good: no further attempt could go better.
        """

        def act(session: Session, job: Job) -> None:
            """Count the failure; the job waits again, or has failed."""
            job.failures += 1
            job.problem, job.remedy = problem, remedy
            if for_good or job.failures >= MAX_FAILURES:
                end(session, job, State.FAILED, problem=problem, remedy=remedy)
            else:
                data = {"attempt": job.attempt, "problem": problem, "remedy": remedy}
                add_event(session, job, "attempt-failed", **data)
                requeue(session, job)

        return self._leave(lease, act)

    def give_back(self, lease: Lease) -> bool:
        """Let another worker go on at once, as when this one is being stopped."""
        return self._leave(lease, requeue)

    def stopped(self, lease: Lease) -> bool:
        """Say that the work was stopped as ordered."""
        return self._leave(lease, end_stopped)

    def cancel(self, job_id: str) -> str:
        """End a job that waits, or let its worker stop; the state that it has now, or nothing."""

        def act(session: Session) -> str:
            """End a job that waits, or leave an order for its worker."""
            job = locked(session, job_id)
            if job is None:
                return ""
            if job.state == State.QUEUED:
                end(session, job, State.CANCELLED)
            elif job.state == State.RUNNING and job.stop != Command.CANCEL:
                job.stop = Command.CANCEL
                add_event(session, job, "stopping")
            return job.state

        return self.database.transact(act)

    def reap(self) -> int:
        """Let what lost workers had wait again; returns how many."""
        late = _suspects(self.database)
        return sum(self.database.transact(partial(_reap_one, job_id)) for job_id in late)

    def _leave(self, lease: Lease, act: Callable[[Session, Job], None]) -> bool:
        """Change a job that this lease still holds; whether it did."""

        def change(session: Session) -> bool:
            """Act on the job, if the lease still holds."""
            job = self._held(session, lease)
            if job is not None:
                act(session, job)
            return job is not None

        return self.database.transact(change)

    def _held(self, session: Session, lease: Lease) -> Job | None:
        job = locked(session, lease.job_id)
        if job is None or job.state != State.RUNNING:
            return None
        mine = (lease.attempt, lease.worker_id) == (job.attempt, job.worker_id)
        return job if mine else None


def _next() -> Select[str]:
    """The job whose turn it is."""
    return (
        select(Job.id)
        .where(Job.state == State.QUEUED)
        .order_by(Job.priority.desc(), Job.created_at, Job.id)
        .limit(1)
    )


MAX_LOSSES = 12
"""Workers that a job may lose before it counts as failed: it may be what ends them."""
BATCH = 100
_LOST = {
    "problem": f"{MAX_LOSSES} workers were lost while they worked on this job.",
    "remedy": "It may need more memory than they have; see `ticket hub workers` and their logs.",
}


def _suspects(database: Database) -> Sequence[str]:
    """Running jobs whose workers have shown no sign of life for a lease, at most so many."""
    with database.read() as connection:
        late = (Job.state == State.RUNNING) & (Job.lease_until < clock(connection))
        return connection.scalars(select(Job.id).where(late).limit(BATCH)).all()


def _reap_one(job_id: str, session: Session) -> bool:
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
