"""The tables of jobs. Their rows are the queue, and the truth about each job.

Times are microseconds since 1970.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ticket_hub_api.store.tables import Base, new_id, now

__all__ = [
    "EventKind",
    "Job",
    "JobEvent",
    "JobKind",
    "JobQuota",
    "JobState",
    "JobWorker",
    "Kind",
    "State",
    "StopReason",
]


JobKind: TypeAlias = Literal["find", "retrain"]
"""What is trained."""
JobState: TypeAlias = Literal["queued", "running", "finished", "failed", "cancelled"]
"""Where a job is."""
EventKind: TypeAlias = (
    JobState | Literal["level", "result", "notice", "attempt-failed", "worker-lost", "stopping"]
)
"""What is told of a job: each change of its state, and what happens in between."""
StopReason: TypeAlias = Literal["", "cancel", "quota"]
"""Why the worker of a job shall stop; empty where it goes on."""
# Plain words and no Enum: psycopg would write the names of its members.


class Kind:
    """What a job does."""

    FIND: Final = "find"
    RETRAIN: Final = "retrain"


class State:
    """Where a job stands; a job in one of `ENDED` never changes again."""

    QUEUED: Final = "queued"
    RUNNING: Final = "running"
    FINISHED: Final = "finished"
    FAILED: Final = "failed"
    CANCELLED: Final = "cancelled"
    ALL: tuple[JobState, ...] = get_args(JobState)
    ENDED: frozenset[JobState] = frozenset({"finished", "failed", "cancelled"})


class Job(Base):
    """One find or retrain that somebody asked for.

    Attributes:
        spec: the checked request, as canonical JSON.
        repository: where a find's bundle goes, or the ticket that a retrain trains, with its
            commit and levels: `owner/name@commit:levels`.
        attempt: the fencing token. It grows whenever the job changes hands, and whoever works
            under an older one may change nothing.
        failures: how often the work itself failed. losses: how often its worker was lost.
        stop: why the worker that has it shall stop: `cancel` or `quota`.
        lease_until: until when the worker has it without a sign of life.
        progress: the newest reading, as JSON. events: how many events there are.
        used: microseconds of a slot that it has taken, all attempts together.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        UniqueConstraint("account_id", "idempotency_key"),
        Index("jobs_by_state", "state", "lease_until"),
        Index("jobs_by_account", "account_id", "created_at"),
        Index("jobs_by_creation", "created_at", "id"),
        Index("jobs_by_turn", "state", "priority", "created_at", "id"),
    )
    id: Mapped[str] = mapped_column(String(24), primary_key=True, default=new_id)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"))
    kind: Mapped[JobKind] = mapped_column(String(16))
    title: Mapped[str] = mapped_column(String(300))
    spec: Mapped[str] = mapped_column(Text)
    repository: Mapped[str] = mapped_column(String(400), default="")
    state: Mapped[JobState] = mapped_column(String(16), default=State.QUEUED)
    priority: Mapped[int] = mapped_column(default=5)
    attempt: Mapped[int] = mapped_column(default=1)
    failures: Mapped[int] = mapped_column(default=0)
    losses: Mapped[int] = mapped_column(default=0)
    stop: Mapped[StopReason] = mapped_column(String(16), default="")
    worker_id: Mapped[str] = mapped_column(String(24), default="")
    lease_until: Mapped[int] = mapped_column(BigInteger, default=0)
    progress: Mapped[str] = mapped_column(Text, default="{}")
    events: Mapped[int] = mapped_column(default=0)
    estimate: Mapped[str] = mapped_column(Text, default="{}")
    result: Mapped[str] = mapped_column(Text, default="{}")
    problem: Mapped[str] = mapped_column(Text, default="")
    remedy: Mapped[str] = mapped_column(Text, default="")
    used: Mapped[int] = mapped_column(BigInteger, default=0)
    idempotency_key: Mapped[str | None] = mapped_column(String(100))
    request_digest: Mapped[str] = mapped_column(String(64), default="")
    created_at: Mapped[int] = mapped_column(BigInteger, default=now)
    started_at: Mapped[int | None] = mapped_column(BigInteger)
    finished_at: Mapped[int | None] = mapped_column(BigInteger)


class JobEvent(Base):
    """Something that happened to a job, numbered from 1; followers resume behind a number."""

    __tablename__ = "job_events"
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[EventKind] = mapped_column(String(32))
    data: Mapped[str] = mapped_column(Text, default="{}")
    created_at: Mapped[int] = mapped_column(BigInteger, default=now)


class JobWorker(Base):
    """One slot of a worker: a process that carries out one job at a time.

    Attributes:
        name: machine and process. device: what it trains on. engine: who does the training.
        job_id: what it has in hand, or empty. seen_at: its last sign of life.
    """

    __tablename__ = "job_workers"
    id: Mapped[str] = mapped_column(String(24), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    device: Mapped[str] = mapped_column(String(64), default="")
    engine: Mapped[str] = mapped_column(String(16), default="local")
    job_id: Mapped[str] = mapped_column(String(24), default="")
    started_at: Mapped[int] = mapped_column(BigInteger, default=now)
    seen_at: Mapped[int] = mapped_column(BigInteger, default=now, index=True)
    stopped_at: Mapped[int | None] = mapped_column(BigInteger)


class JobQuota(Base):
    """How many slot-seconds an account may use within the window, where it differs."""

    __tablename__ = "job_quotas"
    held_by = "account_id"
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    seconds: Mapped[int] = mapped_column(BigInteger)
