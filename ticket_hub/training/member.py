"""What goes into a population and what comes out: plain values, on the CPU."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from ticket_hub.pruning.gradual import GradualPruning
from ticket_hub.shapes import Float64, Int64
from ticket_hub.structured.small import Left
from ticket_hub.types import Mask, Weights

__all__ = ["Curves", "Keeper", "Member", "MemberState", "Progress", "Trained"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Member:
    """One network to train: where it starts, what it may change, and the order of its data.

    Attributes:
        name: unique within the population, such as `trial-0`; names its checkpoints.
        seed: of the trial; draws data order, augmentation and dropout.
        level: names the stream of the data order, so that a ticket and its controls see the same.
        weights: the state dict to start from; what the mask drops is set to 0 first.
        mask: prunable name -> bool; a parameter that is not in it is dense.
        start: iteration to start at; above 0 after rewinding.
        left: what is left of the network, where a smaller one may be trained in its place.
        gradual: how the mask shrinks in training, where it does; see `Trained.mask`.
    """

    name: str
    seed: int
    level: int
    weights: Weights
    mask: Mask
    start: int = 0
    left: Left | None = None
    gradual: GradualPruning | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Curves:
    """Readings on the evaluation grid; loss is mean cross-entropy in nats, accuracy in [0, 1].

    Attributes:
        measured: other numbers that an author's own loop gave when it had trained, by its names.

    Shapes:
        all `(evaluations,)`, on the CPU. Test readings are NaN where the test was not read.
        Readings of the training sample are None where `training.train_sample` is 0.
    """

    iterations: Int64[Tensor, " evaluations"]
    validation_loss: Float64[Tensor, " evaluations"]
    validation_accuracy: Float64[Tensor, " evaluations"]
    test_loss: Float64[Tensor, " evaluations"]
    test_accuracy: Float64[Tensor, " evaluations"]
    train_loss: Float64[Tensor, " evaluations"] | None = None
    train_accuracy: Float64[Tensor, " evaluations"] | None = None
    measured: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of_columns(cls, table: Float64[Tensor, "evaluations columns"]) -> Curves:
        """Curves from a table.

        Its columns are the iteration, then loss and accuracy of validation, of test and, where it
        was read, of the training sample.
        """
        columns = (column.clone() for column in table[:, 1:].unbind(1))
        named: dict[str, Any] = dict(zip(_COLUMNS, columns, strict=False))  # two may be missing
        return cls(iterations=table[:, 0].long(), **named)

    @property
    def columns(self) -> Float64[Tensor, "evaluations columns"]:
        """The table that `of_columns` takes."""
        known = [getattr(self, name) for name in _COLUMNS]
        known = [column for column in known if column is not None]
        return torch.stack([self.iterations.double(), *known], dim=1)

    @property
    def stops_early(self) -> bool:
        """Whether a validation loss was read; an author's own loop may read none."""
        return not bool(self.validation_loss.isnan().all())

    @property
    def early_stop(self) -> int:
        """Index of the first minimum of the validation loss; the test set has no say.

        Without validation loss it is that of the one reading, at the last iteration.
        """
        return int(self.validation_loss.argmin())

    @property
    def stopped_at(self) -> int:
        """The iteration of the early stop."""
        return int(self.iterations[self.early_stop])

    @property
    def accuracy(self) -> float:
        """On the test set at the early stop, in [0, 1]; NaN where it was not read there."""
        return float(self.test_accuracy[self.early_stop])


_COLUMNS = (
    *("validation_loss", "validation_accuracy", "test_loss", "test_accuracy"),
    *("train_loss", "train_accuracy"),
)


@dataclass(frozen=True, kw_only=True, eq=False)
class MemberState:
    """Everything that training one member needs to go on, the same for all backends.

    Attributes:
        iteration: steps done.
        tensors: `weights/NAME`, and for the optimizer `momentum/NAME` or `exp_avg/NAME` and
            `exp_avg_sq/NAME`, each in the parameter's shape and 0 where the mask drops. Of a member
            whose mask shrinks in training also `mask/NAME`, as it is now.
        readings: float64 `(evaluations, columns)`: see `Curves.of_columns`; without a reading
            `(0, 5)`.
        snapshots: iteration -> state dict, as asked for so far.
    """

    iteration: int
    tensors: Mapping[str, Tensor]
    readings: Float64[Tensor, "evaluations columns"]
    snapshots: Mapping[int, Weights] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class Trained:
    """One member after training.

    Attributes:
        weights: the state dict at the end.
        curves: its readings.
        snapshots: iteration -> state dict, as asked for.
        iterations: steps done in all, counted from 0.
        backend: what trained it.
        mask: at the end, where it shrank in training; else None.
        settled: the iteration at which it was taken, where masks were compared until they settled.
    """

    weights: Weights
    curves: Curves
    snapshots: Mapping[int, Weights]
    iterations: int
    backend: str
    mask: Mask | None = None
    settled: int | None = None


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far one member is, for whoever shows it.

    Attributes:
        member: its name.
        iteration: steps done.
        iterations: steps to do.
        validation_accuracy, test_accuracy: the last reading, in [0, 1]; NaN before the first.
    """

    member: str
    iteration: int
    iterations: int
    validation_accuracy: float
    test_accuracy: float


@runtime_checkable
class Keeper(Protocol):
    """Where checkpoints of a population are kept; implementations must be picklable."""

    def load(self, member: str) -> MemberState | None:
        """The newest good state of a member, or None."""

    def save(self, member: str, state: MemberState) -> None:
        """Keep a state durably, beside the one before."""
