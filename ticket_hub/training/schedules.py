"""Learning rates as functions of the iteration: one function and one decorator each."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from ticket_hub.errors import RecipeError
from ticket_hub.recipe import TrainingSpec
from ticket_hub.recipe.axes import SCHEDULES
from ticket_hub.registry import supply
from ticket_hub.shapes import Float

__all__ = ["fine_tuning", "learning_rate", "learning_rates", "register_schedule"]

Schedule: TypeAlias = Callable[..., float]


def register_schedule(name: str, *, takes: Sequence[str] = ()) -> Callable[[Schedule], Schedule]:
    """Register a function that gives the factor of `training.lr` at an iteration.

    It declares what it needs by the names of its parameters: `iteration`, counted from 0, and
    `training`, what the recipe says of it. Warmup multiplies it and is no part of it.

    ```python
    @register_schedule("inverse-root")
    def inverse_root(iteration: int) -> float:
        return (iteration + 1) ** -0.5
    ```

    Args:
        takes: keys of the recipe's training that it reads and other schedules do not; among them
            `iterations`, where what it does at the beginning depends on how long training is.

    Raises:
        PluginError: the function asks for something else.
    """
    return SCHEDULES.register(name, takes=takes)


@register_schedule("constant")
def constant() -> float:
    """The same throughout."""
    return 1.0


@register_schedule("milestones", takes=("milestones", "gamma"))
def milestones(training: TrainingSpec, iteration: int) -> float:
    """Times `gamma` from each milestone on."""
    return training.gamma ** sum(iteration >= drop for drop in training.milestones)


@register_schedule("cosine", takes=("iterations",))
def cosine(training: TrainingSpec, iteration: int) -> float:
    """Half a cosine, from 1 to 0 at the end (Loshchilov & Hutter 2017, without restarts)."""
    return 0.5 * (1 + math.cos(math.pi * iteration / training.iterations))


def learning_rate(spec: TrainingSpec, iteration: int) -> float:
    """The learning rate of the step that leads from `iteration` to the next.

    Linear warmup multiplies the schedule by `(iteration + 1) / warmup` until it reaches 1.

    Raises:
        RecipeError: nobody has registered the schedule.
    """
    return _rates(spec, iteration, iteration + 1)[0]


def fine_tuning(spec: TrainingSpec) -> TrainingSpec:
    """The same training at the learning rate of its last step, throughout (Renda et al. 2020).

    Raises:
        RecipeError: that rate is 0, or nobody has registered the schedule.
    """
    last = learning_rate(spec, spec.iterations - 1)
    if last <= 0:
        raise RecipeError(
            "search.rewind = 'none' trains on at the learning rate that training ended with, and "
            f"the schedule {spec.schedule!r} ends with 0.",
            "With search.rewind = 'lr' the learning rate begins anew.",
        )
    return dataclasses.replace(spec, lr=last, schedule="constant", warmup=0)


def learning_rates(
    spec: TrainingSpec, start: int, stop: int, device: torch.device
) -> Float[Tensor, " steps"]:
    """The learning rates of the steps from `start` to `stop`, as the fused kernels want them.

    float64 on a CPU; float32 for CUDA, whose kernels read it from the device.
    """
    rates = _rates(spec, start, stop)
    return torch.tensor(rates, dtype=torch.float32 if device.type == "cuda" else torch.float64)


def _rates(spec: TrainingSpec, start: int, stop: int) -> list[float]:
    schedule, rates = SCHEDULES.get(spec.schedule), []
    for iteration in range(start, stop):
        factor = supply(schedule, {"training": spec, "iteration": iteration})
        warm = min(1.0, (iteration + 1) / spec.warmup) if spec.warmup else 1.0
        rates.append(spec.lr * factor * warm)
    return rates
