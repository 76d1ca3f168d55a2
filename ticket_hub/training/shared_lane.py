"""One member trained by several processes: each has all of its weights and a share of the batch."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import torch
from torch import Tensor

from ticket_hub.data import DataSet, Part
from ticket_hub.recipe import TrainingSpec
from ticket_hub.shapes import Float64
from ticket_hub.training.member import Member
from ticket_hub.training.plain import Lane, Plain
from ticket_hub.training.ranks import Team
from ticket_hub.types import Architecture

__all__ = ["SharedLane", "SharedLanes"]


class SharedLane(Lane):
    """A member whose batches are split over the processes of a team.

    The gradient is the sum over all processes, each example's weight being 1 / batch size, so that
    it is that of the whole batch up to the order of sums. Norms take their statistics over the
    share of their own process; running statistics are those of the first.
    """

    def __init__(
        self,
        architecture: Architecture,
        data: DataSet,
        training: TrainingSpec,
        member: Member,
        team: Team,
    ) -> None:
        whole = min(training.batch_size, len(data.train))
        mine = team.share(whole)
        super().__init__(architecture, data, training, member, mine)
        self._team, self._weight = team, (mine.stop - mine.start) / whole
        self._buffers = [each for each in self.module.buffers() if each.is_floating_point()]

    def noise(self, iteration: int) -> tuple[str | int, ...]:
        """Another stream for each process, since each has other examples."""
        # Rank 0 draws what a process that trains alone would draw.
        own = (self._team.rank,) if self._team.rank else ()
        return (*super().noise(iteration), *own)

    def gradients(self) -> Collection[Tensor]:
        """Of the mean loss of the whole batch; 0 where the mask drops, before they are added up."""
        # Norms have changed their statistics by their own share of the last batch: the first one's
        # count.
        self._team.copy_first(self._buffers)
        gradients = list(super().gradients())
        with torch.no_grad():
            # Means are weighted by their shares, which differ by an example where a batch cannot be
            # split evenly.
            torch._foreach_mul_(gradients, self._weight)
            self._team.add_up(gradients)
        return gradients

    @torch.inference_mode()
    def evaluate(self, part: Part) -> Float64[Tensor, " 2"]:
        """Mean loss and accuracy, the same bits in all processes; each reads its share."""
        with torch.inference_mode(mode=False), torch.no_grad():
            self._team.copy_first(self._buffers)
        total = self.count(part, self._team.rank, self._team.size)
        self._team.add_up([total])
        return total / len(part)


class SharedLanes(Plain):
    """Members one after the other, each by all processes."""

    def __init__(
        self,
        architecture: Architecture,
        data: DataSet,
        training: TrainingSpec,
        members: Sequence[Member],
        team: Team,
    ) -> None:
        self.iteration = members[0].start
        self.lanes: list[Lane] = [
            SharedLane(architecture, data, training, member, team) for member in members
        ]
