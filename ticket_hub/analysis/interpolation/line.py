"""Linear mode connectivity: the straight line between two ends (Frankle et al. 2020).

Two networks start from the same weights and see the same data in two orders. The error barrier is
the highest error on the straight line between them minus the mean error of its ends; below 2 points
of error the start is called stable (arXiv 1912.05671, section 2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

import torch

from ticket_hub.analysis.interval import Interval, interval_of
from ticket_hub.evidence.statistics import MIN_TRIALS
from ticket_hub.types import Weights

__all__ = [
    "POINTS",
    "STABLE",
    "Interpolation",
    "Line",
    "barrier",
    "by_trial",
    "measure_interpolation",
    "read_line",
    "shares",
    "straight_line",
]

POINTS = 30
"""Of a line between two networks."""
STABLE = 0.02
"""An error barrier below this is called stable: 2 points of error."""

Reader: TypeAlias = Callable[[Weights], tuple[float, float]]
"""From weights to mean loss and error, in nats and in [0, 1]."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """The line between two ends of one trial.

    Attributes:
        trial: which.
        seeds: of the two data orders; the line goes from the first to the second.
        errors: on the test set, by point, in [0, 1].
        losses: mean cross-entropy on the test set, by point.
        error_barrier: the highest error minus the mean of the ends.
        loss_barrier: the same of the losses.
    """

    trial: int
    seeds: tuple[int, ...]
    errors: tuple[float, ...]
    losses: tuple[float, ...]
    error_barrier: float
    loss_barrier: float


@dataclass(frozen=True, kw_only=True)
class Interpolation:
    """The lines of all trials of one level.

    Attributes:
        points: where the lines were read: the share of the second end.
        start, iterations: the two ends trained from iteration `start` to `iterations`.
        test_examples: that errors are of.
        statistics: what was done about running statistics of norms: `none` where the network has
            none, `estimated anew` where they were, at every point, from that many training
            examples: those of either end say nothing of the weights between them.
        statistics_examples: how many; 0 for `none`.
        threshold: an error barrier below it is called stable.
        lines: by trial; of each as many as its data orders have pairs.
        error_barrier: mean over the trials, of each its mean over the pairs: pairs of one start
            have ends in common, so that n counts starts.
        loss_barrier: likewise.
    """

    UNITS: ClassVar[Mapping[str, str]] = {
        "errors, error_barrier, threshold": "share of the test examples, in [0, 1]",
        "losses, loss_barrier": "nats",
        "points": "share of the second end, in [0, 1]",
        "start, iterations": "training iterations",
    }

    points: tuple[float, ...]
    start: int
    iterations: int
    test_examples: int
    statistics: str
    statistics_examples: int
    threshold: float
    lines: tuple[Line, ...]
    error_barrier: Interval
    loss_barrier: Interval

    @property
    def pairs(self) -> int:
        """Of each trial."""
        return len(self.lines) // self.error_barrier.n

    @property
    def state(self) -> str:
        """`stable` where the whole interval lies below the threshold, `not stable` above it.

        Else `not decided`, as with fewer than three trials.
        """
        found = self.error_barrier
        if found.n < MIN_TRIALS:
            return "not decided"
        # Trials that are all the same have no interval, and their mean is all that is known.
        low, high = (found.mean if end is None else end for end in (found.low, found.high))
        if high < self.threshold:
            return "stable"
        return "not decided" if low < self.threshold else "not stable"


def shares(points: int = POINTS) -> tuple[float, ...]:
    """So many places on the line, evenly spread, both ends among them."""
    return tuple(place / (points - 1) for place in range(points))


def straight_line(first: Weights, second: Weights, share: float) -> dict[str, torch.Tensor]:
    """The weights at a place of the line: `(1 - share) * first + share * second`.

    What is not a floating-point number (a norm's count of batches) is the first's. The ends come
    out to the bit.
    """
    if share in {0.0, 1.0}:
        return dict(second if share else first)
    return {
        name: torch.lerp(value, second[name], share) if value.is_floating_point() else value
        for name, value in first.items()
    }


def barrier(values: Sequence[float]) -> float:
    """The highest value minus the mean of the first and the last; never below 0."""
    return max(values) - (values[0] + values[-1]) / 2


def read_line(
    first: Weights,
    second: Weights,
    read: Reader,
    *,
    trial: int = 0,
    seeds: Sequence[int] = (),
    points: int = POINTS,
) -> Line:
    """Read loss and error at every place of the line between two ends.

    Args:
        read: gives mean loss and error of weights.
        trial: whose line it is.
        seeds: of the data orders that led to the ends.
    """
    found = [read(straight_line(first, second, share)) for share in shares(points)]
    losses, errors = zip(*found, strict=True)
    return Line(
        trial=trial,
        seeds=tuple(seeds),
        errors=errors,
        losses=losses,
        error_barrier=barrier(errors),
        loss_barrier=barrier(losses),
    )


def measure_interpolation(
    lines: Sequence[Line],
    *,
    start: int,
    iterations: int,
    test_examples: int,
    statistics_examples: int,
    threshold: float = STABLE,
) -> Interpolation:
    """Sum up the lines of several trials.

    Args:
        lines: at least one, of the same number of points.
        statistics_examples: that running statistics were estimated from; 0 where there are none.

    Raises:
        EvidenceError: a barrier is not finite.
    """
    return Interpolation(
        points=shares(len(lines[0].errors)),
        start=start,
        iterations=iterations,
        test_examples=test_examples,
        statistics="estimated anew" if statistics_examples else "none",
        statistics_examples=statistics_examples,
        threshold=threshold,
        lines=tuple(lines),
        error_barrier=interval_of(by_trial(lines, "error_barrier")),
        loss_barrier=interval_of(by_trial(lines, "loss_barrier")),
    )


def by_trial(
    lines: Sequence[Line], barrier: Literal["error_barrier", "loss_barrier"]
) -> list[float]:
    """The mean barrier of each trial's pairs."""
    found: dict[int, list[float]] = {}
    for line in lines:
        found.setdefault(line.trial, []).append(getattr(line, barrier))
    return [sum(each) / len(each) for each in found.values()]
