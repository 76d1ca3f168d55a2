"""How an analysis is shown: what every figure and table of one is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from ticket_hub.analysis import Finding
from ticket_hub.evidence import count_text
from ticket_hub.table import Table

__all__ = ["View", "count_trials", "level_name", "mean_and_bar"]


@dataclass(frozen=True, kw_only=True)
class View:
    """How one analysis is shown; each function takes its findings, one for each level.

    Attributes:
        caption: says what is counted, and what it does not show.
        figure: all levels in one figure.
        table: one row for each level and layer, or whatever is counted.
        sentence: one finding in one sentence.
    """

    caption: str
    figure: Callable[[Sequence[Finding]], Figure]
    table: Callable[[Sequence[Finding]], Table]
    sentence: Callable[[Any], str]


def level_name(finding: Finding) -> str:
    """What the legend calls a level: `3.58% of weights (level 15)`."""
    if finding.level == 0:
        return "dense"
    return f"{100 * finding.density:.3g}% of weights (level {finding.level})"


def mean_and_bar(values: Sequence[float]) -> tuple[float, list[list[float]]]:
    """The mean, and how far a bar from the least to the greatest value reaches to both sides."""
    mean = sum(values) / len(values)
    return mean, [[max(0.0, mean - min(values))], [max(0.0, max(values) - mean)]]


def count_trials(n: int) -> str:
    """`n = 5 tickets`: each trial of a bundle has one of its own."""
    return f"n = {count_text(n, n)}"
