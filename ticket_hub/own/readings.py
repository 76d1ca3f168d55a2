"""What a loop reports and measures of one step, checked, and the curves that come of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import torch

from ticket_hub.errors import TrainingError
from ticket_hub.recipe.own import MAX_NAME, MAX_NAMES, Metric, are_names
from ticket_hub.training import Curves

__all__ = ["Readings"]

_TEST = 4
"""The column of the metric on the test part; what was read of the training part stands behind."""


class Readings:
    """The readings of one step, in the order in which they were reported."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        self._rows: list[tuple[float, ...]] = []

    def add(
        self,
        iteration: int,
        *,
        validation_loss: float,
        test: float,
        validation: float,
        test_loss: float,
        train: float,
        train_loss: float,
    ) -> None:
        """Add one reading; NaN where a number was not read. See `ticket_hub.own.Step.report`.

        Raises:
            TrainingError: a number is not possible, or the iteration does not grow.
        """
        row = [_number("iteration", iteration), _number("validation_loss", validation_loss)]
        row += [_number("validation", validation), _number("test_loss", test_loss)]
        row += [_number("test", test), _number("train_loss", train_loss), _number("train", train)]
        if not math.isfinite(validation_loss):
            raise TrainingError(
                f"The validation loss at iteration {iteration} is {validation_loss}.",
                "Report finite numbers; a lower learning rate keeps a loop from diverging.",
            )
        for name, value in (("test", test), ("validation", validation), ("train", train)):
            if not (math.isnan(value) or self._metric.is_possible(value)):
                raise self._impossible(name, value)
        last = self._rows[-1][0] if self._rows else -1
        if iteration <= last:
            raise TrainingError(
                f"Iteration {iteration} was reported after {last:.0f}.", "Report in order."
            )
        self._rows.append(tuple(row))

    def checked(self, measured: Mapping[str, float]) -> dict[str, float]:
        """What was measured at the end, as floats.

        Raises:
            TrainingError: a number or its name is not possible, or there are too many.
        """
        if not are_names(measured):
            strange = next((name for name in measured if not are_names([name])), "")
            raise TrainingError(
                f"A number cannot be called {strange[:MAX_NAME]!r}."
                if strange
                else f"There are too many numbers: {len(measured)}.",
                f"Give at most {MAX_NAMES}, each with a name of one line and at most {MAX_NAME} "
                "characters; the step is still open.",
            )
        found = {name: _number(name, value) for name, value in measured.items()}
        for name, value in found.items():
            if not math.isfinite(value):
                raise self._impossible(name, value)
        for name in ("test", "validation", "train", self._metric.name):
            if name in found and not self._metric.is_possible(found[name]):
                raise self._impossible(name, found[name])
        return found

    def curves(self, measured: Mapping[str, float], iterations: int) -> Curves:
        """The curves of the step: what was reported, or the one reading that `measured` makes.

        Args:
            measured: what `checked` gave.
            iterations: steps in all, which that reading is of.

        Raises:
            TrainingError: the metric on the test part was measured twice, or not at all.
        """
        named = [name for name in ("test", self._metric.name) if name in measured]
        rows = self._rows
        if len(named) > 1 or (named and any(math.isfinite(row[_TEST]) for row in rows)):
            raise TrainingError(
                f"The {self._metric.name} on the test part was given twice.",
                "Give it to `finish`, or to `report`; not to both.",
            )
        if named:
            rows = [
                (
                    float(max(iterations, 0)),
                    math.nan,
                    measured.get("validation", math.nan),
                    math.nan,
                    measured[named[0]],
                    measured.get("train_loss", math.nan),
                    measured.get("train", math.nan),
                )
            ]
        table = torch.tensor(rows, dtype=torch.float64).reshape(-1, 7)
        sampled = not bool(table[:, _TEST + 1 :].isnan().all())
        curves = replace(
            Curves.of_columns(table if sampled else table[:, : _TEST + 1]),
            measured={name: value for name, value in sorted(measured.items()) if name not in named},
        )
        if not rows or math.isnan(curves.accuracy):
            raise TrainingError(
                f"The {self._metric.name} on the test part was not measured.",
                "Give `step.finish(test=...)`, or `step.report(iteration, validation_loss=..., "
                "test=...)` at each evaluation.",
            )
        return curves

    def _impossible(self, name: str, value: float) -> TrainingError:
        need = "in [0, 1]" if self._metric.is_accuracy else "finite"
        return TrainingError(
            f"{name} cannot be {value}.",
            f"Give a number that is {need}; the step is still open, and nothing was kept of it.",
        )


def _number(name: str, value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]  # the author's
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise TrainingError(
            f"{name} is no number, but {type(value).__name__}.",
            "Give one number, such as `loss.item()` of a tensor; the step is still open.",
        ) from error
