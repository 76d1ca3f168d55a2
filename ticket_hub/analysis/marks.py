"""How what was found at a level is called, and how values of its trials are drawn and said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ticket_hub.analysis.folder import Finding
from ticket_hub.analysis.interval import Interval
from ticket_hub.evidence import count_text
from ticket_hub.evidence.statistics import MIN_TRIALS
from ticket_hub.table import Column, Table

__all__ = [
    "bars_of",
    "count_trials",
    "layer_table",
    "level_name",
    "mark_of",
    "mean_and_bar",
    "ratio",
    "span",
]


def level_name(finding: Finding) -> str:
    """What the legend calls a level: `3.58% of weights (level 15)`."""
    if finding.level == 0:
        return "dense"
    return f"{100 * finding.density:.3g}% of weights (level {finding.level})"


def mean_and_bar(values: Sequence[float]) -> tuple[float, list[list[float]]]:
    """The mean, and how far a bar from the least to the greatest value reaches to both sides."""
    mean = sum(values) / len(values)
    return mean, [[max(0.0, mean - min(values))], [max(0.0, max(values) - mean)]]


def layer_table(
    findings: Sequence[Finding], *columns: tuple[Column, Callable[[Any], object]]
) -> Table:
    """One row for each level and layer of what was found.

    Args:
        columns: behind those of level and layer, each with what it shows of a layer.
    """
    return Table(
        columns=[Column("level", show="d"), Column("layer"), *(column for column, _ in columns)],
        rows=[
            (finding.level, layer.layer, *(read(layer) for _, read in columns))
            for finding in findings
            for layer in finding.result.layers
        ],
    )


def count_trials(n: int) -> str:
    """`n = 5 tickets`: each trial of a bundle has one of its own."""
    return f"n = {count_text(n, n)}"


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


def span(interval: Interval) -> str:
    """A share as `98.30 (98.10 to 98.50)`, in per cent."""
    mean = f"{100 * interval.mean:.2f}"
    if interval.low is None or interval.high is None:
        return mean
    return f"{mean} ({100 * interval.low:.2f} to {100 * interval.high:.2f})"


def ratio(first: float | None, second: float | None) -> float | None:
    """One over the other, where both are known and the second is not 0."""
    return None if first is None or not second else first / second
