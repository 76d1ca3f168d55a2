"""Which examples a step sees: a pure function of (seed, level, iteration)."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import torch
from torch import Tensor

from ticket_hub.seeds import derive_seed
from ticket_hub.shapes import Int64
from ticket_hub.training.member import Member

__all__ = ["batch_indices", "epoch_of", "order_table"]


@functools.lru_cache(maxsize=64)
def _permutation(seed: int, level: int, epoch: int, examples: int) -> Tensor:
    generator = torch.Generator().manual_seed(derive_seed(seed, "order", level, epoch))
    return torch.randperm(examples, generator=generator)


def epoch_of(iteration: int, batch_size: int, examples: int) -> int:
    """The epoch that the step from `iteration` to the next belongs to, counted from 0."""
    return iteration // (examples // min(batch_size, examples))


def batch_indices(
    seed: int, level: int, iteration: int, batch_size: int, examples: int
) -> Int64[Tensor, " batch"]:
    """The examples of one step, on the CPU.

    A full reshuffle each epoch; the last, smaller batch of an epoch is dropped.
    """
    return _batches((seed, level), (iteration, iteration + 1), batch_size, examples)[0]


def order_table(
    members: Sequence[Member], start: int, stop: int, batch_size: int, examples: int
) -> Int64[Tensor, "steps members batch"]:
    """The examples of the steps from `start` to `stop`, for each member, on the CPU."""
    return torch.stack(
        [
            _batches((member.seed, member.level), (start, stop), batch_size, examples)
            for member in members
        ],
        dim=1,
    )


def _batches(
    stream: tuple[int, int], steps: tuple[int, int], batch_size: int, examples: int
) -> Tensor:
    """The batches of the steps from one iteration to another; stream is (seed, level)."""
    start, stop = steps
    size = min(batch_size, examples)
    a_epoch = examples // size
    parts = []
    while start < stop:
        epoch, step = divmod(start, a_epoch)
        count = min(a_epoch - step, stop - start)
        order = _permutation(*stream, epoch, examples)
        parts.append(order[step * size : (step + count) * size].view(count, size))
        start += count
    return torch.cat(parts)
