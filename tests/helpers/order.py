"""The order of examples, written once more from what is promised of it."""

from __future__ import annotations

import torch

from ticket_hub.seeds import derive_seed
from ticket_hub.shapes import Int64


def batch_indices(
    seed: int, level: int, iteration: int, batch_size: int, examples: int
) -> Int64[torch.Tensor, " batch"]:
    """The examples of one step: a full reshuffle each epoch, its last, smaller batch dropped."""
    size = min(batch_size, examples)
    epoch, step = divmod(iteration, examples // size)
    generator = torch.Generator().manual_seed(derive_seed(seed, "order", level, epoch))
    return torch.randperm(examples, generator=generator)[step * size : (step + 1) * size]
