"""How means over trials with their intervals are drawn and said."""

from __future__ import annotations

from collections.abc import Sequence

from ticket_hub.analysis.interval import Interval
from ticket_hub.evidence.statistics import MIN_TRIALS
from ticket_hub.report.analysis.views import mean_and_bar

__all__ = ["bars_of", "mark_of", "span"]


def bars_of(interval: Interval) -> str:
    """What a bar spans."""
    if interval.n < MIN_TRIALS:
        return "least to greatest trial"
    return "95% interval of the mean"


def mark_of(
    interval: Interval, values: Sequence[float] | Sequence[int], scale: float
) -> tuple[float, list[list[float]]]:
    """Mean and arms: the interval, or from the least to the greatest of too few trials."""
    if interval.n < MIN_TRIALS:
        return mean_and_bar([scale * value for value in values])
    mean = scale * interval.mean
    if interval.low is None or interval.high is None:
        return mean, [[0.0], [0.0]]
    return mean, [[max(0.0, mean - scale * interval.low)], [max(0.0, scale * interval.high - mean)]]


def span(interval: Interval, form: str = ".2f") -> str:
    """A share as `98.30 (98.10 to 98.50)`, in per cent."""
    mean = f"{100 * interval.mean:{form}}"
    if interval.low is None or interval.high is None:
        return mean
    return f"{mean} ({100 * interval.low:{form}} to {100 * interval.high:{form}})"
