"""What one group of members is to do, as worker processes are told it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ticket_hub.recipe import TrainingSpec
from ticket_hub.training.member import Keeper, Member, MemberState
from ticket_hub.types import Architecture

__all__ = ["Task"]


@dataclass(frozen=True, kw_only=True)
class Task:
    """What one group is to do. It is sent to worker processes.

    Attributes:
        backend: the name of the backend that does it.
        states: of the members in their order, all of one iteration; or empty.
    """

    architecture: Architecture
    training: TrainingSpec
    backend: str
    members: Sequence[Member]
    snapshots: Sequence[int] = ()
    states: Sequence[MemberState] = ()
    keeper: Keeper | None = None
    checkpoint_seconds: float = 60.0
