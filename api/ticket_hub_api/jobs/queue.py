"""Who may work on which job: leases, fencing, and what becomes of a job in the end.

A worker that was handed an attempt claims it, and shows signs of life while it works. When they
stop, the reaper raises the job's attempt and offers it again; whoever worked under the attempt
before can change nothing any more. So no job is lost, and none is finished twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from ticket_hub.durable import canonical_json
from ticket_hub_api.catalog.database import Database
from ticket_hub_api.catalog.tables import now
from ticket_hub_api.jobs.delivery import Delivery
from ticket_hub_api.jobs.quotas import over_quota
from ticket_hub_api.jobs.tables import Job, JobEvent, JobWorker, State

__all__ = ["Claim", "Happening", "JobQueue", "Order", "add_event"]

SECOND = 1_000_000
LEASE_SECONDS = 30.0
MOST_FAILURES = 3
MOST_LOSSES = 12
BATCH = 100


class Order:
    """What a worker hears at each sign of life."""

    GO_ON = "go-on"
    CANCEL = "cancel"
    QUOTA = "quota"
    LOST = "lost"


@dataclass(frozen=True, kw_only=True)
class Claim:
    """The right to work on a job, until it is handed over or the signs of life stop.

    Attributes:
        job_id, attempt, worker_id: together they are the fencing token.
        kind, spec, repository: what is to be done.
    """

    job_id: str
    attempt: int
    worker_id: str
    kind: str
    spec: Mapping[str, Any]
    repository: str


Happening = tuple[str, Mapping[str, Any]]
"""The kind and the data of an event."""


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
            job = _locked(session, job_id)
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
            _end(session, job, State.FINISHED)
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
                _end(session, job, State.FAILED, problem=problem, remedy=remedy)
            else:
                again = True
                data = {"attempt": job.attempt, "problem": problem, "remedy": remedy}
                add_event(session, job, "attempt-failed", **data)
                _requeue(session, job)
        if again:
            self.offer(job)
        return True

    def give_back(self, claim: Claim) -> bool:
        """Let another worker go on at once, as when this one is being stopped."""
        with self.database.write() as session:
            job = self._held(session, claim)
            if job is None:
                return False
            _requeue(session, job)
        self.offer(job)
        return True

    def stopped(self, claim: Claim) -> bool:
        """Say that the work was stopped as ordered."""
        with self.database.write() as session:
            job = self._held(session, claim)
            if job is None:
                return False
            _end_stopped(session, job)
            return True

    def cancel(self, job_id: str) -> str:
        """End a job that waits, or let its worker stop; the state that it has now, or nothing."""
        with self.database.write() as session:
            job = _locked(session, job_id)
            if job is None:
                return ""
            waiting, attempt = job.state == State.QUEUED, job.attempt
            if waiting:
                _end(session, job, State.CANCELLED)
            elif job.state == State.RUNNING and job.stop != Order.CANCEL:
                job.stop = Order.CANCEL
                add_event(session, job, "stopping")
            state = job.state
        if waiting:
            self.delivery.withdraw(job_id, attempt)
        return state

    def reap(self) -> int:
        """Offer again what lost workers had, and what the delivery forgot; returns how many."""
        done = 0
        for job_id in self._suspects():
            with self.database.write() as session:
                job = _locked(session, job_id)
                again = job is not None and self._reap_one(session, job)
            if again and job is not None:
                self.offer(job)
                done += 1
        return done

    def _reap_one(self, session: Session, job: Job) -> bool:
        moment = clock(session)
        if job.state == State.RUNNING and job.lease_until < moment:
            job.losses += 1
            if job.stop:
                _end_stopped(session, job)
                return False
            if job.losses >= MOST_LOSSES:
                _end(session, job, State.FAILED, **_LOST)
                return False
            add_event(session, job, "worker-lost", attempt=job.attempt)
            _requeue(session, job)
            return True
        if job.state == State.QUEUED and job.queued_at < moment - self._lease:
            _requeue(session, job)  # the attempt that went astray is worth nothing from now on
            return True
        return False

    def _suspects(self) -> Iterator[str]:
        """Jobs without a sign of life, and jobs that wait though nobody will bring them."""
        with self.database.read() as connection:
            moment = clock(connection)
            late = (Job.state == State.RUNNING) & (Job.lease_until < moment)
            yield from connection.scalars(select(Job.id).where(late).limit(BATCH)).all()
            waiting = (Job.state == State.QUEUED) & (Job.queued_at < moment - self._lease)
            chosen = select(Job.id, Job.attempt).where(waiting).order_by(Job.queued_at)
            rows = [(row.id, row.attempt) for row in connection.execute(chosen.limit(BATCH))]
            living = set(connection.scalars(
                select(JobWorker.id).where(JobWorker.seen_at > moment - self._lease)
            ))  # fmt: skip
        held = self.delivery.holders(rows)
        for row in rows:
            if row not in held or not (held[row] is None or held[row] in living):
                yield row[0]

    @property
    def _lease(self) -> int:
        return round(self.lease_seconds * SECOND)

    def _held(self, session: Session, claim: Claim) -> Job | None:
        job = _locked(session, claim.job_id)
        if job is None or job.state != State.RUNNING:
            return None
        mine = (claim.attempt, claim.worker_id) == (job.attempt, job.worker_id)
        return job if mine else None


_LOST = {
    "problem": f"{MOST_LOSSES} workers were lost while they worked on this job.",
    "remedy": "It may need more memory than they have; see `ticket hub workers` and their logs.",
}
_QUOTA = {
    "problem": "The account's share of the workers' time is used up.",
    "remedy": "Wait until older jobs leave the window, or ask the operator for more "
    "(`ticket hub quota`).",
}


def clock(session: Any) -> int:  # noqa: ANN401 - a session or a connection
    """Microseconds since 1970, by the clock that all workers share: the database's."""
    bind = session.get_bind() if isinstance(session, Session) else session
    if bind.dialect.name == "sqlite":
        return now()
    statement = select(func.extract("epoch", text("clock_timestamp()")))
    return round(float(session.execute(statement).scalar_one()) * SECOND)


def add_event(session: Session, job: Job, kind: str, **data: object) -> None:
    """Tell those who follow."""
    job.events += 1
    line = canonical_json(data).decode()
    session.add(JobEvent(job_id=job.id, number=job.events, kind=kind, data=line))


def _locked(session: Session, job_id: str) -> Job | None:
    return session.get(Job, job_id, with_for_update=True)


def _requeue(session: Session, job: Job) -> None:
    job.state, job.worker_id, job.lease_until = State.QUEUED, "", 0
    job.attempt += 1
    job.queued_at = clock(session)
    add_event(session, job, "queued", attempt=job.attempt)


def _end(session: Session, job: Job, state: str, problem: str = "", remedy: str = "") -> None:
    job.state, job.finished_at = state, clock(session)
    job.worker_id, job.lease_until = "", 0
    job.problem, job.remedy = problem, remedy
    told = {"problem": problem, "remedy": remedy} if problem else {}
    add_event(session, job, state, **told)


def _end_stopped(session: Session, job: Job) -> None:
    if job.stop == Order.QUOTA:
        _end(session, job, State.FAILED, **_QUOTA)
    else:
        _end(session, job, State.CANCELLED)
