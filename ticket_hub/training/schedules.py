"""Learning rates as functions of the iteration."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ticket_hub.recipe import TrainingSpec
from ticket_hub.shapes import Float

__all__ = ["learning_rate", "learning_rates"]


def learning_rate(spec: TrainingSpec, iteration: int) -> float:
    """The learning rate of the step that leads from `iteration` to the next.

    Linear warmup multiplies the schedule by `(iteration + 1) / warmup` until it reaches 1.
    """
    rate = spec.lr
    if spec.schedule == "milestones":
        rate *= spec.gamma ** sum(iteration >= drop for drop in spec.milestones)
    elif spec.schedule == "cosine":
        rate *= 0.5 * (1 + math.cos(math.pi * iteration / spec.iterations))
    return rate * min(1.0, (iteration + 1) / spec.warmup) if spec.warmup else rate


def learning_rates(
    spec: TrainingSpec, start: int, stop: int, device: torch.device
) -> Float[Tensor, " steps"]:
    """The learning rates of the steps from `start` to `stop`, as the fused kernels want them.

    float64 on a CPU; float32 for CUDA, whose kernels read it from the device.
    """
    rates = [learning_rate(spec, iteration) for iteration in range(start, stop)]
    return torch.tensor(rates, dtype=torch.float32 if device.type == "cuda" else torch.float64)
