"""What a backend does: train a group of members in one process, in lockstep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor, nn

from ticket_hub.data import DataSet, Part
from ticket_hub.recipe import TrainingSpec
from ticket_hub.recipe.axes import BACKENDS
from ticket_hub.shapes import Float64
from ticket_hub.training.member import Member, MemberState
from ticket_hub.types import Architecture, Weights

__all__ = ["Backend", "register_backend"]

B = TypeVar("B", bound=type[Any])  # a protocol with attributes has no subclasses


@runtime_checkable
class Backend(Protocol):
    """A group of members with their weights, masks and optimizers.

    Constructed as `Backend(architecture, data, training, members)`; it lives on the device of
    `data`. All members start at the same iteration. A backend never prints, writes no file, and
    leaves the global random state as it found it.

    Attributes:
        name: that it is registered under.
        smooths_labels: True where it knows `training.label_smoothing`; it may be missing.
        mixes: True where it knows `training.mixup`; it may be missing.
        one_by_one: whether a group is no faster than its members one after the other on a CPU.
        iteration: where all members stand.
    """

    name: ClassVar[str]
    one_by_one: ClassVar[bool]
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


def register_backend(name: str) -> Callable[[B], B]:
    """Register a class as the backend that `training.backend` forces by this name.

    What the table of `ticket_hub.training.choice` chooses by itself stays the same.
    """

    def join(kind: B) -> B:
        """Register the class, which then knows its name."""
        kind.name = name
        registered: B = BACKENDS.register(name)(kind)
        return registered

    return join
