"""One network for the author's own loop to train, and what came of it."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import nn
from torch.optim.optimizer import Optimizer, register_optimizer_step_post_hook

from ticket_hub.errors import TrainingError
from ticket_hub.own.network import state_of
from ticket_hub.own.readings import Readings
from ticket_hub.recipe.own import Metric
from ticket_hub.training import Curves
from ticket_hub.types import Mask, Weights

__all__ = ["Finished", "Step", "StepFacts"]


@dataclass(frozen=True, kw_only=True)
class StepFacts:
    """What a step is about.

    Attributes:
        control: `ticket`, or what is trained beside it: `reinit`, `dense`, ...
        level: the pruning round; 0 is dense.
        trial: which repetition.
        seed: of the trial; the global generators are seeded for each step by it.
        density: kept weights over prunable weights.
        start: the iteration that the weights are of: above 0 where they were rewound to it.
        rewound: whether survivors went back to theta0.
    """

    control: str
    level: int
    trial: int
    seed: int
    density: float
    start: int
    rewound: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Finished:
    """What a loop made of a step.

    Attributes:
        weights: the state dict at the end, on the CPU.
        point: the state dict at the rewinding point; None where there was none.
        curves: what was read; of a metric that is not accuracy the columns have its values.
        iterations: steps in all.
    """

    weights: Weights
    point: Weights | None
    curves: Curves
    iterations: int


@dataclass(eq=False)
class Step:
    """One trial at one level, or one network of a comparison, for a loop to train.

    Attributes:
        module: the network: masked, with the weights that it starts from. The mask is held
            through any optimizer and wrapper; see `ticket_hub.pruning.keeping.keep_mask`.
        mask: prunable name -> bool; True is kept.
        control, level, trial, seed, density, start, rewound: see `StepFacts`.
        metric: what is measured.
        rewind_step: the iteration at which `rewind_point` is to be called in level 0; 0 is never.
        draw_seed: what the global generators were seeded with, right before the loop got the step.
        keep: takes what came of it.
        iterations: steps that any `torch.optim` optimizer has done with the module so far, and
            those before `start`.
    """

    module: nn.Module
    mask: Mask
    facts: StepFacts
    metric: Metric
    rewind_step: int
    draw_seed: int
    keep: Callable[[Finished], None]
    iterations: int = field(init=False)
    is_finished: bool = field(default=False, init=False)
    is_over: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        """Note what the module is made of, and count its steps."""
        self.iterations = self.facts.start
        self._point: Weights | None = None
        self._readings = Readings(self.metric)
        # All names of a shared weight: a loop that replaces one of them has replaced the weight.
        self._parameters = dict(self.module.named_parameters(remove_duplicate=False))
        # Whose ids nothing else can get, as long as they are held above.
        self._trained = {id(parameter) for parameter in self._parameters.values()}
        _STEPS.add(self)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the facts, each with its type
        if name in StepFacts.__dataclass_fields__:
            return getattr(self.facts, name)
        raise AttributeError(name)

    def rewind_point(self) -> None:
        """Keep the weights as they are now: survivors go back to them. For level 0; else nothing.

        Raises:
            TrainingError: the search goes back to its initialization, the point was kept already,
                or the module is no longer the one that was given.
        """
        self._demand_open()
        if not self.rewind_step:
            raise TrainingError(
                "This search does not rewind to a step.",
                "Give `Search(rewind='500it')`, and call `rewind_point` after so many steps.",
            )
        if self.facts.level:
            return
        if self._point is not None:
            raise TrainingError(
                "The rewinding point of this step was kept already.",
                f"Call `rewind_point` once, after {self.rewind_step} iterations.",
            )
        # A copy: the loop goes on training in place.
        self._point = self._state()

    def report(
        self,
        iteration: int,
        *,
        validation_loss: float,
        test: float = math.nan,
        validation: float = math.nan,
        test_loss: float = math.nan,
        train: float = math.nan,
        train_loss: float = math.nan,
    ) -> None:
        """Add one reading; the early stop is the first minimum of the validation loss.

        Args:
            iteration: steps done; it grows from one reading to the next.
            validation_loss: finite; in nats where the metric is accuracy.
            test, validation, train: the metric on these parts, where it was read; `train` on a
                sample of the training part, for the generalization gap.
            test_loss, train_loss: where they were read.

        Raises:
            TrainingError: a number is not possible, or the iteration does not grow.
        """
        self._demand_open()
        self._readings.add(
            iteration,
            validation_loss=validation_loss,
            test=test,
            validation=validation,
            test_loss=test_loss,
            train=train,
            train_loss=train_loss,
        )

    def finish(self, **measured: float) -> None:
        """Keep what was trained and measured; to be called once, when the training is over.

        Until it returns nothing of this step is on disk, and the step can be done again.

        Args:
            measured: numbers by names of your own, all of which the bundle keeps. The one called
                `test`, or as the metric is, is what tickets are judged by; `validation` and
                `train` are the metric there. Without it the test value at the early stop of what
                was reported.

        Raises:
            TrainingError: the step was finished before or is over, nothing was measured by the
                metric, a number or name is not possible, or the loop replaced what it was to train.
            StorageError: it cannot be written.
        """
        self._demand_open()
        measured = self._readings.checked(measured)
        point = self._point
        if self.rewind_step and not self.facts.level and point is None:
            raise TrainingError(
                "The rewinding point of level 0 was not kept.",
                f"Call `step.rewind_point()` after {self.rewind_step} iterations of level 0, "
                "and begin this step again.",
            )
        finished = Finished(
            weights=self._state(),
            point=point,
            curves=self._readings.curves(measured, self.iterations),
            iterations=self.iterations,
        )
        # Before the step counts as finished: where the disk refuses, it can be finished again.
        self.keep(finished)
        self.is_finished = True
        _STEPS.discard(self)

    def end(self) -> None:
        """Called when the loop asks for the next step.

        Raises:
            TrainingError: the step was not finished.
        """
        self.is_over = True
        _STEPS.discard(self)
        if not self.is_finished:
            raise TrainingError(
                f"The step of level {self.facts.level}, trial {self.facts.trial} "
                f"({self.facts.control}) was not finished.",
                "Call `step.finish(test=...)` when its training is over. What was finished "
                "before is kept; the same script begins this step again.",
            )

    def count(self, trained: set[int]) -> None:
        """Count one step of an optimizer, by the `id` of each parameter that it trains."""
        if not trained.isdisjoint(self._trained):
            self.iterations += 1

    def _state(self) -> Weights:
        """The module's state dict, once it is known to be what was given out, trained in place."""
        now = dict(self.module.named_parameters(remove_duplicate=False))
        for name, parameter in self._parameters.items():
            if now.get(name) is not parameter:
                raise TrainingError(
                    f"The loop replaced the parameter {name!r} of the module, so what it trained "
                    "is not what it was given.",
                    "Train `step.module` in place; load weights with `load_state_dict`, without "
                    "`assign=True`.",
                )
        state = state_of(self.module)
        for name, value in state.items():
            if value.is_floating_point() and not bool(value.isfinite().all()):
                raise TrainingError(
                    f"{name!r} holds NaN or infinity after training.",
                    "Lower the learning rate, or add a warm-up, and begin this step again.",
                )
        for name, keep in self.mask.items():
            if bool(state[name][~keep].any()):
                raise TrainingError(
                    f"Weights of {name!r} that the mask drops are not 0 after training.",
                    "Train `step.module` itself with its hooks, and not a copy of its parameters.",
                )
        return state

    def _demand_open(self) -> None:
        if self.is_finished or self.is_over:
            what = "finished already" if self.is_finished else "over"
            raise TrainingError(
                f"The step of level {self.facts.level}, trial {self.facts.trial} "
                f"({self.facts.control}) is {what}.",
                "Finish each step once, before the loop goes on to the next.",
            )


_STEPS: weakref.WeakSet[Step] = weakref.WeakSet()
"""The steps that are open."""


def _count(optimizer: Optimizer, _arguments: object, _keywords: object) -> None:
    trained = {id(p) for group in optimizer.param_groups for p in group["params"]}
    for step in list(_STEPS):
        step.count(trained)


# One hook for as long as the process lives; see `ticket_hub.pruning.handle`.
register_optimizer_step_post_hook(_count)
