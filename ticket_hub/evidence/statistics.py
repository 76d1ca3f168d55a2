"""Paired statistics over trials, for the few trials that people can afford.

Trials are paired by their seed: a ticket and its control share the data order, so the spread of
their differences is smaller than that of either. With 3 to 10 trials a Student-t interval covers
what it promises where a percentile bootstrap does not (0.96 against 0.74 at n = 3, nominal 0.95).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from ticket_hub.errors import EvidenceError
from ticket_hub.evidence.student import shifted_t_upper_tail, t_quantile, t_upper_tail
from ticket_hub.shapes import Float64

__all__ = [
    "BOOTSTRAP_FROM",
    "MIN_TRIALS",
    "Difference",
    "Method",
    "Ratio",
    "one_sided",
    "paired_difference",
    "paired_ratio",
    "trials_needed",
]

Numbers: TypeAlias = Sequence[float] | Sequence[int]
Method: TypeAlias = Literal["student-t", "bootstrap", "welch"]
"""How an interval was made: `student-t` or `bootstrap` of pairs, or `welch` without pairs."""

MIN_TRIALS = 3
"""Fewer trials never yield a verdict."""
BOOTSTRAP_FROM = 20
"""From so many trials on, intervals are bootstrapped (BCa) and need no normality."""
RESAMPLES = 9999
MAX_TRIALS = 10_000


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A mean paired difference (first minus second) with its uncertainty.

    Attributes:
        n: number of pairs.
        mean: of the differences, in the unit of the measurements.
        sd: sample standard deviation of the differences.
        low, high: bounds of the confidence interval; infinite where the spread is unknown.
        confidence: of the interval.
        p_greater: one-sided p of `mean <= shift` (small: the first is better).
        p_less: one-sided p of `mean >= shift` (small: the first is worse).
        method: `student-t` or `bootstrap`; how the interval was made.
    """

    n: int
    mean: float
    sd: float
    low: float
    high: float
    confidence: float
    p_greater: float
    p_less: float
    method: Method


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """A geometric mean of paired ratios (first over second) with its interval."""

    n: int
    mean: float
    low: float
    high: float
    confidence: float


def paired_difference(
    first: Numbers,
    second: Numbers,
    *,
    shift: float = 0.0,
    confidence: float = 0.95,
    bounds: bool = True,
) -> Difference:
    """Compare two measurements of the same trials.

    The p-values are those of the paired t-test of the mean against `shift`; with
    `shift = -margin`, `p_greater` is the test of non-inferiority. One pair, or pairs that all
    differ by exactly the same, carry no estimate of spread: both p are 1 and the interval is
    infinite, so that nothing can be concluded from a measurement that was copied.

    Args:
        bounds: False for the p-values alone, without an interval, which may take a bootstrap.

    Raises:
        EvidenceError: unequal numbers, none at all, or a value that is not finite.
    """
    values = _paired(first, second)
    n, mean = len(values), float(values.mean())
    sd = float(values.std(ddof=1)) if n > 1 else 0.0
    if not _has_spread(values, sd):
        return Difference(
            n=n,
            mean=mean,
            sd=0.0,
            low=-np.inf,
            high=np.inf,
            confidence=confidence,
            p_greater=1.0,
            p_less=1.0,
            method="student-t",
        )
    p_greater, p_less = (float(side) for side in one_sided(values, shift))
    low, high = _interval(values, confidence) if bounds else (-np.inf, np.inf)
    return Difference(
        n=n,
        mean=mean,
        sd=sd,
        low=low,
        high=high,
        confidence=confidence,
        p_greater=p_greater,
        p_less=p_less,
        method="bootstrap" if n >= BOOTSTRAP_FROM else "student-t",
    )


def one_sided(
    differences: Float64[np.ndarray, "*tests n"],
    shift: float | Float64[np.ndarray, "*tests"] = 0.0,
) -> tuple[Float64[np.ndarray, "*tests"], Float64[np.ndarray, "*tests"]]:
    """One-sided p of the t-tests of `mean <= shift` and of `mean >= shift`, of many tests at once.

    One difference, or differences that are all the same, carry no estimate of spread: both are 1.
    """
    n = differences.shape[-1]
    mean = differences.mean(axis=-1)
    sd = differences.std(axis=-1, ddof=1) if n > 1 else np.zeros_like(mean)
    # Numbers that are equal but for rounding would give a t of millions, and prove anything.
    spread = sd > _rounding(differences)
    statistic = (mean - shift) / np.where(spread, sd / np.sqrt(n), 1.0)
    greater, less = (
        t_upper_tail(np.asarray(side), float(max(n - 1, 1))) for side in (statistic, -statistic)
    )
    return np.where(spread, greater, 1.0), np.where(spread, less, 1.0)


def paired_ratio(first: Numbers, second: Numbers, *, confidence: float = 0.95) -> Ratio:
    """The geometric mean of `first / second` over trials, with an interval on the log scale.

    For iterations until the early stop; a reading at iteration 0 counts as 1.

    Raises:
        EvidenceError: as `paired_difference`.
    """
    # On the log scale twice as late and twice as soon are equally far from the same.
    logs = [np.log(np.maximum(np.asarray(side, dtype=np.float64), 1.0)) for side in (first, second)]
    found = paired_difference(logs[0].tolist(), logs[1].tolist(), confidence=confidence)
    mean, low, high = (float(np.exp(bound)) for bound in (found.mean, found.low, found.high))
    return Ratio(n=found.n, mean=mean, low=low, high=high, confidence=confidence)


def trials_needed(
    effect: float, sd: float, *, alpha: float = 0.025, power: float = 0.8
) -> int | None:
    """The fewest trials with which a one-sided paired t-test finds this effect.

    Args:
        effect: the mean difference to be found, above 0.
        sd: of the paired differences.
        alpha: level of the test, divided by the size of the family for Holm's first step.
        power: chance of finding it.

    Returns:
        At least 3; None where even 10,000 trials do not suffice, or nothing is to be found.
    """
    if effect <= 0 or not np.isfinite(effect):
        return None
    # Power grows with n: doubled until it suffices, and the gap then halved.
    low, high = MIN_TRIALS, MIN_TRIALS
    while _power(effect, sd, high, alpha) < power:
        low, high = high + 1, high * 2
        if high > MAX_TRIALS:
            return None
    while low < high:
        middle = (low + high) // 2
        if _power(effect, sd, middle, alpha) >= power:
            high = middle
        else:
            low = middle + 1
    return high


def _power(effect: float, sd: float, n: int, alpha: float) -> float:
    if sd == 0:
        return 1.0
    critical = t_quantile(1 - alpha, float(n - 1))
    return shifted_t_upper_tail(critical, float(n - 1), effect / sd * np.sqrt(n))


def _paired(first: Numbers, second: Numbers) -> Float64[np.ndarray, " n"]:
    left, right = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if left.shape != right.shape or left.ndim != 1 or not len(left):
        raise EvidenceError(
            f"{left.size} measurements cannot be paired with {right.size}.",
            "Compare the same trials on both sides.",
        )
    if not (np.isfinite(left).all() and np.isfinite(right).all()):
        raise EvidenceError(
            "A measurement is not a finite number.", "Leave out, or repeat, the trial that failed."
        )
    return left - right


def _has_spread(values: Float64[np.ndarray, " n"], sd: float) -> bool:
    """Whether the spread is more than the rounding of the subtraction."""
    return len(values) > 1 and sd > float(_rounding(values))


def _rounding(values: Float64[np.ndarray, "*tests n"]) -> Float64[np.ndarray, "*tests"]:
    return np.asarray(1e-12 * np.maximum(1.0, np.abs(values).max(axis=-1)))


def _interval(values: Float64[np.ndarray, " n"], confidence: float) -> tuple[float, float]:
    if len(values) >= BOOTSTRAP_FROM:
        from scipy import stats  # slow to import

        found = stats.bootstrap(
            (values,),
            np.mean,
            n_resamples=RESAMPLES,
            confidence_level=confidence,
            method="BCa",
            rng=np.random.default_rng(0),  # the same measurements give the same interval
        ).confidence_interval
        return float(found.low), float(found.high)
    half = t_quantile((1 + confidence) / 2, float(len(values) - 1))
    half *= values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean() - half), float(values.mean() + half)
