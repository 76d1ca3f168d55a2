"""Learning rates as functions of the iteration."""

from __future__ import annotations

import math

from ticket_hub.recipe import TrainingSpec

__all__ = ["learning_rate"]


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
