"""What a worker holds while it works on a job, and what it hears."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

__all__ = ["Command", "CommandName", "JobEvent", "Lease"]


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
    kind: str
    spec: Mapping[str, Any]
    repository: str


JobEvent: TypeAlias = tuple[str, Mapping[str, Any]]
"""The kind and the data of an event."""
