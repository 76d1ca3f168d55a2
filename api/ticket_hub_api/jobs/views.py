"""A job as people see it: plain values, nothing that its row keeps for itself."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.engine import Row

from ticket_hub_api.accounts.principals import Principal, Scope
from ticket_hub_api.store.job_tables import Job, JobKind, JobState, State
from ticket_hub_api.store.tables import SECOND, Account

__all__ = ["JobPage", "JobView", "job_rows", "view_of", "visible"]


@dataclass(frozen=True, kw_only=True)
class JobView:
    """One job.

    Attributes:
        id: what it is asked for by.
        kind: `find` or `retrain`. title: one line for people.
        owner: who submitted it.
        state: see `State`. stopping: whether its worker was told to stop.
        request: what was asked for.
        repository: where the bundle of a find goes, or which ticket a retrain trains.
        progress: `done` in [0, 1] and a `text`, once it runs.
        result: what came of it, once it is finished.
        problem, remedy: why it failed, or why the last attempt did.
        slot_seconds: of workers' time used so far.
        events: the number of the newest event.
        created_at, started_at, finished_at: microseconds since 1970.
    """

    id: str
    kind: JobKind
    title: str
    owner: str
    state: JobState
    stopping: bool
    priority: int
    attempt: int
    failures: int
    request: dict[str, Any]
    repository: str
    estimate: dict[str, Any]
    progress: dict[str, Any]
    result: dict[str, Any]
    problem: str
    remedy: str
    slot_seconds: float
    events: int
    created_at: int
    started_at: int | None
    finished_at: int | None

    @property
    def ended(self) -> bool:
        """Whether it never changes again."""
        return self.state in State.ENDED


@dataclass(frozen=True)
class JobPage:
    """Some jobs, newest first; `next_cursor` leads on, or is None at the end."""

    items: tuple[JobView, ...]
    next_cursor: str | None


def visible(statement: Select[Any], viewer: Principal) -> Select[Any]:
    """Only what a viewer may see: the own jobs, and all of them for an administrator."""
    if viewer.scope == Scope.ADMIN:
        return statement
    return statement.where(Job.account_id == viewer.account_id)


def job_rows() -> Select[Any]:
    """Jobs with their owners' names."""
    return select(*Job.__table__.columns, Account.name.label("owner")).join(
        Account, Account.id == Job.account_id
    )


def view_of(row: Row[Any]) -> JobView:
    """The view of a row of `job_rows`."""
    return JobView(
        id=row.id,
        kind=row.kind,
        title=row.title,
        owner=row.owner,
        state=row.state,
        stopping=bool(row.stop) and row.state == State.RUNNING,
        priority=row.priority,
        attempt=row.attempt,
        failures=row.failures,
        request=json.loads(row.spec)["request"],
        repository=row.repository,
        estimate=json.loads(row.estimate),
        progress=json.loads(row.progress),
        result=json.loads(row.result),
        problem=row.problem,
        remedy=row.remedy,
        slot_seconds=round(row.used / SECOND, 1),
        events=row.events,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
