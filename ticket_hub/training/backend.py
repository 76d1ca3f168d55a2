"""What a backend does: train a group of members in one process, in lockstep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from ticket_hub.data import DataSet, Part
from ticket_hub.recipe import TrainingSpec
from ticket_hub.shapes import Float64
from ticket_hub.training.member import Member, MemberState
from ticket_hub.types import Architecture, Weights

__all__ = ["Backend"]


@runtime_checkable
class Backend(Protocol):
    """A group of members with their weights, masks and optimizers.

    Constructed as `Backend(architecture, data, training, members)`; it lives on the device of
    `data`. All members start at the same iteration. A backend never prints, writes no file, and
    leaves the global random state as it found it.
    """

    name: str
    iteration: int

    def __init__(
        self,
        architecture: Architecture,
        data: DataSet,
        training: TrainingSpec,
        members: Sequence[Member],
    ) -> None: ...

    @staticmethod
    def refusal(module: nn.Module, training: TrainingSpec, device: torch.device) -> str | None:
        """Why this backend cannot train this network so on this device, or None if it can.

        `module` may live on the meta device. The answer completes "The backend ... cannot".
        """

    def train(self, stop: int) -> None:
        """Bring every member from the present iteration to `stop`, without host synchronization."""

    def evaluate(self, part: Part) -> Float64[Tensor, "members 2"]:
        """Mean cross-entropy and accuracy of every member, on the device.

        The driver asks for slices of validation and test, so that it can stop in between. It
        passes the same `Part` objects again and again: what is prepared from one may be cached
        by its identity.
        """

    def weights(self) -> list[Weights]:
        """The present state dict of every member, copied to the CPU."""

    def states(self) -> list[MemberState]:
        """What each member needs to go on, without readings and snapshots, copied to the CPU."""

    def restore(self, states: Sequence[MemberState]) -> None:
        """Go on from what `states` gave, bit for bit."""
