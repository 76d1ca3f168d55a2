"""A mean over trials with its interval, as plain values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ticket_hub.evidence import paired_difference
from ticket_hub.evidence.statistics import MIN_TRIALS

__all__ = ["Interval", "interval_of"]


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A mean and its 95% interval: Student-t, bootstrapped from 20 trials on.

    Attributes:
        n: number of trials.
        mean: in the unit of the values.
        low, high: None where the spread is not known: under three trials, or values that are all
            the same.
    """

    n: int
    mean: float
    low: float | None
    high: float | None


def interval_of(
    values: Sequence[float] | Sequence[int], minus: Sequence[float] | None = None
) -> Interval:
    """The mean of one quantity, or of its paired differences to another.

    Raises:
        EvidenceError: no value, unequal numbers, or a value that is not finite.
    """
    found = paired_difference(values, [0.0] * len(values) if minus is None else minus)
    bounded = math.isfinite(found.low) and math.isfinite(found.high)
    known = bounded and found.n >= MIN_TRIALS
    low, high = (found.low, found.high) if known else (None, None)
    return Interval(n=found.n, mean=found.mean, low=low, high=high)
