"""What a backend does: train a group of members in one process, in lockstep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from jaxtyping import Float64
from torch import Tensor

from ticket_hub.data import Part
from ticket_hub.training.member import MemberState
from ticket_hub.types import Weights

__all__ = ["Backend"]


class Backend(Protocol):
    """A group of members with their weights, masks and optimizers.

    Constructed as `Backend(architecture, data, training, members)`; it lives on the device of
    `data`. All members start at the same iteration. A backend never prints, writes no file, and
    leaves the global random state as it found it.
    """

    name: str
    iteration: int

    def train(self, stop: int) -> None:
        """Bring every member from the present iteration to `stop`, without host synchronization."""

    def evaluate(self, part: Part) -> Float64[Tensor, "members 2"]:
        """Mean cross-entropy and accuracy of every member, on the device."""

    def weights(self) -> list[Weights]:
        """The present state dict of every member, copied to the CPU."""

    def states(self) -> list[MemberState]:
        """What each member needs to go on, without readings and snapshots, copied to the CPU."""

    def restore(self, states: Sequence[MemberState]) -> None:
        """Go on from what `states` gave, bit for bit."""
