"""Which examples a step sees: a pure function of (seed, level, iteration)."""

from __future__ import annotations

import functools

import torch
from jaxtyping import Int64
from torch import Tensor

from ticket_hub.types import derive_seed

__all__ = ["batch_indices"]


@functools.lru_cache(maxsize=64)
def _permutation(seed: int, level: int, epoch: int, examples: int) -> Tensor:
    generator = torch.Generator().manual_seed(derive_seed(seed, "order", level, epoch))
    return torch.randperm(examples, generator=generator)


def batch_indices(
    seed: int, level: int, iteration: int, batch_size: int, examples: int
) -> Int64[Tensor, " batch"]:
    """The examples of one step, on the CPU.

    A full reshuffle each epoch; the last, smaller batch of an epoch is dropped.
    """
    size = min(batch_size, examples)
    epoch, step = divmod(iteration, examples // size)
    return _permutation(seed, level, epoch, examples)[step * size : (step + 1) * size]
