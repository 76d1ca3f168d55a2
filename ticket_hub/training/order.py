"""Which examples a step sees: a pure function of (seed, level, iteration)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ticket_hub.seeds import derive_seed
from ticket_hub.shapes import Int64
from ticket_hub.training.member import Member

__all__ = ["Orders", "epoch_of"]


def epoch_of(iteration: int, batch_size: int, examples: int) -> int:
    """The epoch that the step from `iteration` to the next belongs to, counted from 0."""
    return iteration // (examples // min(batch_size, examples))


class Orders:
    """The orders in which some members see the examples, each shuffled once an epoch.

    Args:
        members: those who share a (seed, level) share their orders.
    """

    def __init__(self, members: Sequence[Member], batch_size: int, examples: int) -> None:
        self._streams = [(member.seed, member.level) for member in members]
        self._size, self._examples = min(batch_size, examples), examples
        self._kept: dict[tuple[int, int, int], Tensor] = {}

    def table(self, start: int, stop: int) -> Int64[Tensor, "steps members batch"]:
        """The examples of the steps from `start` to `stop`, for each member, on the CPU.

        A full reshuffle each epoch; the last, smaller batch of an epoch is dropped.
        The orders of epochs before `start` are forgotten.
        """
        size, epochs = self._size, self._examples // self._size
        self._kept = {key: kept for key, kept in self._kept.items() if key[2] >= start // epochs}
        table = torch.empty(stop - start, len(self._streams), size, dtype=torch.int64)
        at = start
        while at < stop:
            epoch, step = divmod(at, epochs)
            count = min(epochs - step, stop - at)
            rows = table[at - start :][:count]
            for place, stream in enumerate(self._streams):
                order = self._order((*stream, epoch))
                rows[:, place] = order[step * size : (step + count) * size].view(count, size)
            at += count
        return table

    def _order(self, key: tuple[int, int, int]) -> Tensor:
        if key not in self._kept:
            # half as large, and no data set in memory has 2**31 examples
            self._kept[key] = _permutation(*key, self._examples).int()
        return self._kept[key]


def _permutation(seed: int, level: int, epoch: int, examples: int) -> Tensor:
    generator = torch.Generator().manual_seed(derive_seed(seed, "order", level, epoch))
    return torch.randperm(examples, generator=generator)
