"""Who may work on which job: leases, fencing, and what becomes of a job in the end.

A worker that was handed an attempt claims it, and shows signs of life while it works. When they
stop, the reaper raises the job's attempt and offers it again; whoever worked under the attempt
before can change nothing any more. So no job is lost, and none is finished twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from ticket_hub.durable import canonical_json
from ticket_hub_api.catalog.database import Database
from ticket_hub_api.jobs.claims import Claim, Happening, Order
from ticket_hub_api.jobs.delivery import Delivery
from ticket_hub_api.jobs.quotas import over_quota
from ticket_hub_api.jobs.reaping import reap_one, superseded, suspects
from ticket_hub_api.jobs.tables import Job, State
from ticket_hub_api.jobs.transitions import (
    SECOND,
    add_event,
    clock,
    end,
    end_stopped,
    locked,
    requeue,
)

__all__ = ["JobQueue"]

LEASE_SECONDS = 30.0
MOST_FAILURES = 3
KEPT_SECONDS = 86_400.0


class JobQueue:
    """The queue as everybody uses it: the service, its operator and its workers.

    Raises (from every method):
        HubUnavailableError: the database is busy; nothing was changed.
    """

    def __init__(
        self,
        database: Database,
        delivery: Callable[[], Delivery],
        *,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        """Work on a hub's database.

        Args:
            delivery: opens what hands jobs to workers, when it is needed first.
            lease_seconds: a worker that shows no sign of life for so long has lost its job.
        """
        self.database = database
        self.lease_seconds = lease_seconds
        self._open = delivery
        self._delivery: Delivery | None = None

    @property
    def delivery(self) -> Delivery:
        """What hands jobs to workers."""
        if self._delivery is None:
            self._delivery = self._open()
        return self._delivery

    def close(self) -> None:
        """Give back what was opened; the database stays open."""
        if self._delivery is not None:
            self._delivery.close()

    def offer(self, job: Job) -> None:
        """Let the workers know of a job whose row is committed.

        If this fails or the process dies before, the reaper does it after a lease.
        """
        self.delivery.enqueue(job.id, job.attempt, job.priority)

    def claim(self, job_id: str, attempt: int, worker_id: str) -> Claim | None:
        """The right to work on an attempt; None where it is another's or over."""
        with self.database.write() as session:
            job = locked(session, job_id)
            if job is None or job.state != State.QUEUED or job.attempt != attempt:
                return None
            moment = clock(session)
            job.state, job.worker_id = State.RUNNING, worker_id
            job.started_at = job.started_at or moment
            job.lease_until = moment + round(self.lease_seconds * SECOND)
            add_event(session, job, "running", attempt=attempt)
            return Claim(
                job_id=job_id,
                attempt=attempt,
                worker_id=worker_id,
                kind=job.kind,
                spec=json.loads(job.spec),
                repository=job.repository,
            )

    def heartbeat(
        self,
        claim: Claim,
        *,
        seconds: float,
        progress: Mapping[str, Any] | None = None,
        happened: Sequence[Happening] = (),
        quota: int = 0,
    ) -> str:
        """Show a sign of life, and hear what to do; see `Order`.

        Args:
            seconds: of a slot that were used since the last one.
            progress: the newest reading, where there is a new one.
            happened: events for those who follow.
            quota: slot-seconds that an account may use where nothing else is said; 0 is no limit.
        """
        with self.database.write() as session:
            job = self._held(session, claim)
            if job is None:
                return Order.LOST
            moment = clock(session)
            job.lease_until = moment + round(self.lease_seconds * SECOND)
            job.used += round(seconds * SECOND)
            if progress is not None:
                job.progress = canonical_json(dict(progress)).decode()
            for kind, data in happened:
                add_event(session, job, kind, **data)
            if not job.stop and over_quota(session, job.account_id, quota, moment):
                job.stop = Order.QUOTA
            return job.stop or Order.GO_ON

    def finish(
        self,
        claim: Claim,
        result: Mapping[str, Any],
        also: Callable[[Session, Job], None] | None = None,
    ) -> bool:
        """Say that the work is done; False where the job was handed to another meanwhile.

        Args:
            also: what is to be written in the same transaction.
        """
        with self.database.write() as session:
            job = self._held(session, claim)
            if job is None:
                return False
            job.result = canonical_json(dict(result)).decode()
            if also is not None:
                also(session, job)
            end(session, job, State.FINISHED)
            return True

    def fail(self, claim: Claim, problem: str, remedy: str, *, for_good: bool = False) -> bool:
        """Say that the work failed: it is tried again, up to three times in all.

        Args:
            for_good: no further attempt could go better.
        """
        again = False
        with self.database.write() as session:
            job = self._held(session, claim)
            if job is None:
                return False
            job.failures += 1
            job.problem, job.remedy = problem, remedy
            if for_good or job.failures >= MOST_FAILURES:
                end(session, job, State.FAILED, problem=problem, remedy=remedy)
            else:
                again = True
                data = {"attempt": job.attempt, "problem": problem, "remedy": remedy}
                add_event(session, job, "attempt-failed", **data)
                requeue(session, job)
        if again:
            self.offer(job)
        return True

    def give_back(self, claim: Claim) -> bool:
        """Let another worker go on at once, as when this one is being stopped."""
        with self.database.write() as session:
            job = self._held(session, claim)
            if job is None:
                return False
            requeue(session, job)
        self.offer(job)
        return True

    def stopped(self, claim: Claim) -> bool:
        """Say that the work was stopped as ordered."""
        with self.database.write() as session:
            job = self._held(session, claim)
            if job is None:
                return False
            end_stopped(session, job)
            return True

    def cancel(self, job_id: str) -> str:
        """End a job that waits, or let its worker stop; the state that it has now, or nothing."""
        with self.database.write() as session:
            job = locked(session, job_id)
            if job is None:
                return ""
            waiting, attempt = job.state == State.QUEUED, job.attempt
            if waiting:
                end(session, job, State.CANCELLED)
            elif job.state == State.RUNNING and job.stop != Order.CANCEL:
                job.stop = Order.CANCEL
                add_event(session, job, "stopping")
            state = job.state
        if waiting:
            self.delivery.withdraw(job_id, attempt)
        return state

    def reap(self) -> int:
        """Offer again what lost workers had, and what the delivery forgot; returns how many."""
        lease, done = round(self.lease_seconds * SECOND), 0
        for job_id in suspects(self.database, self.delivery, lease):
            with self.database.write() as session:
                job = locked(session, job_id)
                again = job is not None and reap_one(session, job, lease)
            if again and job is not None:
                self.offer(job)
                done += 1
        return done

    def prune(self, seconds: float = KEPT_SECONDS) -> int:
        """Clear the delivery of old attempts that nobody may work on any more.

        Args:
            seconds: for so long after it was offered, an attempt stays in any case.

        Returns:
            How many were cleared away.
        """
        over = superseded(self.database, self.delivery.offered_before(seconds))
        self.delivery.forget(over)
        return len(over)

    def _held(self, session: Session, claim: Claim) -> Job | None:
        job = locked(session, claim.job_id)
        if job is None or job.state != State.RUNNING:
            return None
        mine = (claim.attempt, claim.worker_id) == (job.attempt, job.worker_id)
        return job if mine else None
