"""Two sets of measurements compared, paired where that is true and unpaired where it is not.

Measurements are paired when trial i of both saw the same examples in the same order: what an
order shares then falls out of the difference. Where it is not so, Welch's interval (1947) takes the
spread of each side as it is, and its degrees of freedom after Welch and Satterthwaite.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from ticket_hub.errors import EvidenceError
from ticket_hub.evidence.counts import distinct
from ticket_hub.evidence.statistics import Method, Numbers, paired_difference
from ticket_hub.evidence.student import t_quantile
from ticket_hub.evidence.verdict import Outcome
from ticket_hub.shapes import Float64

__all__ = ["Contrast", "ContrastInterval", "Pairing", "contrast", "welch_interval"]

Pairing: TypeAlias = Literal["data order", "seed", "none"]
"""What makes pairs: the same examples in the same order; only the same seed, and so the same
initialization (levels of one search); or nothing."""


@dataclass(frozen=True, kw_only=True)
class ContrastInterval:
    """A value with the bounds of its interval, infinite where the spread is unknown."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """One side minus the other.

    Attributes:
        pairing: what makes pairs; with `none` nothing is paired.
        n, n_other: trials of both sides; equal where they are paired.
        tickets, tickets_other: how many different tickets they are of; None where not known.
        accuracy: difference of the mean test accuracies, as a fraction.
        sooner: early stop of the other side over this one's, geometric; above 1 is sooner.
        draws, draws_other: networks that each value of a side is the mean of.
        method: `student-t` or `bootstrap` of pairs, or `welch`.
        confidence: of the intervals.
    """

    pairing: Pairing
    n: int
    n_other: int
    accuracy: ContrastInterval
    sooner: ContrastInterval
    method: Method
    confidence: float
    tickets: int | None = None
    tickets_other: int | None = None
    draws: int = 1
    draws_other: int = 1


def contrast(
    first: Outcome, second: Outcome, *, pairing: Pairing, confidence: float = 0.95
) -> Contrast:
    """Compare two outcomes.

    Args:
        pairing: with anything but `none`, trials are pairs in the order given.

    Raises:
        EvidenceError: pairs of unequal numbers, no trial at all, or a value that is not finite.
    """
    accuracy, method = _difference(first.accuracy, second.accuracy, pairing, confidence)
    logs, _ = _difference(_logs(second), _logs(first), pairing, confidence)
    return Contrast(
        pairing=pairing,
        n=len(first.accuracy),
        n_other=len(second.accuracy),
        accuracy=accuracy,
        sooner=ContrastInterval(mean=math.exp(logs.mean), low=_exp(logs.low), high=_exp(logs.high)),
        method=method,
        confidence=confidence,
        tickets=distinct(first.tickets),
        tickets_other=distinct(second.tickets),
        draws=first.draws,
        draws_other=second.draws,
    )


def welch_interval(
    first: Numbers, second: Numbers, *, confidence: float = 0.95
) -> ContrastInterval:
    """The difference of two means with Welch's interval.

    A side of one trial, or one whose trials are all equal, carries no estimate of spread: then the
    bounds are infinite.

    Raises:
        EvidenceError: a side is empty, or a value is not finite.
    """
    left, right = _values(first), _values(second)
    mean = float(left.mean() - right.mean())
    if not (_has_spread(left) and _has_spread(right)):
        return ContrastInterval(mean=mean, low=-math.inf, high=math.inf)
    parts = [float(side.var(ddof=1)) / len(side) for side in (left, right)]
    freedom = sum(parts) ** 2 / sum(
        part**2 / (len(side) - 1) for part, side in zip(parts, (left, right), strict=True)
    )
    half = t_quantile((1 + confidence) / 2, freedom) * math.sqrt(sum(parts))
    return ContrastInterval(mean=mean, low=mean - half, high=mean + half)


def _difference(
    first: Numbers, second: Numbers, pairing: Pairing, confidence: float
) -> tuple[ContrastInterval, Method]:
    if pairing == "none":
        return welch_interval(first, second, confidence=confidence), "welch"
    found = paired_difference(first, second, confidence=confidence)
    return ContrastInterval(mean=found.mean, low=found.low, high=found.high), found.method


def _logs(outcome: Outcome) -> list[float]:
    """Logarithms of the early stops; a reading at iteration 0 counts as 1."""
    return [math.log(max(stop, 1)) for stop in outcome.early_stop]


def _exp(bound: float) -> float:
    """`exp` of a logarithm's bound, which may be infinite or too large to write down."""
    return float(np.exp(np.float64(min(bound, 700.0))) if bound < math.inf else math.inf)


def _values(numbers: Numbers) -> Float64[np.ndarray, " n"]:
    values = np.asarray(numbers, dtype=np.float64)
    if not len(values) or not np.isfinite(values).all():
        raise EvidenceError(
            "A measurement is missing, or is not a finite number.",
            "Leave out, or repeat, the trial that failed.",
        )
    return values


def _has_spread(values: Float64[np.ndarray, " n"]) -> bool:
    """Whether the spread is more than rounding."""
    least = 1e-12 * max(1.0, float(np.abs(values).max()))
    return len(values) > 1 and float(values.std(ddof=1)) > least
