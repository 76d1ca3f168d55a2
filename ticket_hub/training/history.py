"""What is known of one member so far: readings, snapshots, and the minimum to stop by."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from ticket_hub.errors import LayerCollapseError
from ticket_hub.shapes import Float64
from ticket_hub.training.member import Curves, Member, MemberState
from ticket_hub.types import Weights

__all__ = ["History"]

MASK, DRAWN, WEIGHTS = "mask/", "drawn/", "weights/"


@dataclass
class History:
    """The readings and snapshots of one member, in the order of iterations.

    Attributes:
        readings: one row an evaluation: iteration, validation loss and accuracy, test loss and
            accuracy (NaN where the test was not read), and those of the training sample where
            there is one.
        snapshots: iteration -> state dict, as asked for.
        chosen: the state dict at the first minimum of the validation loss, where it is kept.
        drawn: iteration -> what a mask kept that was drawn then, while masks are compared.
        lost_at: the first iteration whose validation loss is not finite.
    """

    member: Member
    readings: list[list[float]] = field(default_factory=list)
    snapshots: dict[int, Weights] = field(default_factory=dict)
    chosen: Weights | None = None
    drawn: dict[int, Tensor] = field(default_factory=dict)
    lost_at: int | None = None
    _best: list[float] | None = None

    @classmethod
    def resumed(
        cls, member: Member, state: MemberState | None, snapshots: Sequence[int]
    ) -> History:
        """What a checkpoint knows; empty without one."""
        history = cls(member)
        if state is not None:
            if member.gradual is not None:
                # It has shrunk since the member was made.
                mask = {n: state.tensors[f"{MASK}{n}"].bool() for n in member.mask}
                history.member = replace(member, mask=mask)
                history.drawn = {
                    int(path.removeprefix(DRAWN)): value.bool()
                    for path, value in state.tensors.items()
                    if path.startswith(DRAWN)
                }
            for iteration, *row in state.readings.tolist():
                history.add(int(iteration), row)
            history.snapshots = {i: w for i, w in state.snapshots.items() if i in snapshots}
            if history.readings:
                history.chosen = state.snapshots.get(history.best_iteration)
        return history

    def add(self, iteration: int, row: Sequence[float]) -> bool:
        """Add one reading; whether its validation loss is a new minimum."""
        self.readings.append([float(iteration), *row])
        # `row` lacks the iteration that a reading begins with. Below, not equal: of equal minima
        # the first is the early stop.
        better = self._best is None or row[0] < self._best[1]
        if better:
            self._best = self.readings[-1]
        if self.lost_at is None and not math.isfinite(row[0]):
            self.lost_at = iteration
        return better

    @property
    def best(self) -> list[float]:
        """The first reading with the lowest validation loss so far; there must be one."""
        assert self._best is not None
        return self._best

    @property
    def best_iteration(self) -> int:
        """Where the validation loss has its first minimum so far."""
        return int(self.best[0])

    def has_read(self, iteration: int) -> bool:
        """Whether this evaluation is there already."""
        return bool(self.readings) and self.readings[-1][0] >= iteration

    def out_of_patience(self, patience: int) -> bool:
        """Whether the minimum lies `patience` iterations or more back; 0 is never."""
        if not (patience and self.readings):
            return False
        return self.readings[-1][0] - self.best_iteration >= patience

    def state(self, bare: MemberState) -> MemberState:
        """A backend's state of this member, completed."""
        snapshots: Mapping[int, Weights] = self.snapshots
        if self.chosen is not None:
            snapshots = {**snapshots, self.best_iteration: self.chosen}
        return MemberState(
            iteration=bare.iteration,
            tensors={**bare.tensors, **self._mask},
            readings=self._table,
            snapshots=snapshots,
        )

    def pruned(self, at: int, bare: MemberState) -> MemberState:
        """A backend's state of this member after the step of its mask that is due, if one is."""
        gradual, mask = self.member.gradual, self.member.mask
        if gradual is None or at not in gradual.steps:
            return bare
        trained = {
            path.removeprefix(WEIGHTS): value
            for path, value in bare.tensors.items()
            if path.startswith(WEIGHTS)
        }
        try:
            mask, self.drawn = gradual.shrunk(at, trained, mask, self.drawn)
        except LayerCollapseError as error:
            raise LayerCollapseError(
                f"{error.problem} So it is in {self.member.name.rpartition('/')[2]} of level "
                f"{gradual.level}, at iteration {at}.",
                error.remedy,
                error.layer,
                gradual.level,
            ) from error
        self.member = replace(self.member, mask=mask)
        tensors = dict(bare.tensors)
        for path, value in bare.tensors.items():
            keep = self.member.mask.get(path.partition("/")[2])
            if keep is not None:
                # The optimizer's numbers too, and no product, which would leave -0.0.
                tensors[path] = torch.where(keep, value, 0.0)
        return replace(bare, tensors=tensors)

    @property
    def _mask(self) -> Mapping[str, Tensor]:
        """What a state says of a mask that shrinks in training."""
        if self.member.gradual is None:
            return {}
        found = {f"{MASK}{name}": keep.to(torch.uint8) for name, keep in self.member.mask.items()}
        return found | {f"{DRAWN}{at}": kept.to(torch.uint8) for at, kept in self.drawn.items()}

    @property
    def settled(self) -> int | None:
        """The iteration at which the mask was taken, where masks were compared; None before."""
        whole = all(bool(keep.all()) for keep in self.member.mask.values())
        return None if whole or not self.drawn else max(self.drawn)

    def curves(self) -> Curves:
        """The readings as they are handed back."""
        return Curves.of_columns(self._table)

    @property
    def _table(self) -> Float64[Tensor, "evaluations columns"]:
        """All readings; `(0, 5)` without one."""
        width = len(self.readings[0]) if self.readings else 5
        return torch.tensor(self.readings, dtype=torch.float64).reshape(-1, width)
