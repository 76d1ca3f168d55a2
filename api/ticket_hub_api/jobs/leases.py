"""What a worker holds while it works on a job, and what it hears."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from ticket_hub_api.store.job_tables import EventKind, JobKind

__all__ = ["Command", "CommandName", "Lease", "WorkerEvent"]


CommandName: TypeAlias = Literal["go-on", "cancel", "quota", "lost"]
"""What the hub answers to the heartbeat of a worker."""


class Command:
    """What a worker hears at each sign of life."""

    GO_ON: Final = "go-on"
    CANCEL: Final = "cancel"
    QUOTA: Final = "quota"
    LOST: Final = "lost"


@dataclass(frozen=True, kw_only=True)
class Lease:
    """The right to work on a job, until it is handed over or the signs of life stop.

    Attributes:
        job_id, attempt, worker_id: together they are the fencing token.
        kind, spec, repository: what is to be done.
    """

    job_id: str
    attempt: int
    worker_id: str
    kind: JobKind
    spec: Mapping[str, Any]
    repository: str


WorkerEvent: TypeAlias = tuple[EventKind, Mapping[str, Any]]
"""Something that a worker tells: the kind of an event, and its data."""
