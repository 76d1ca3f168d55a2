"""Forest plots: differences of accuracy with their intervals, one a row."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ticket_hub.comparison.ladder import CONFIDENCE
from ticket_hub.evidence.counts import drawn_text
from ticket_hub.evidence.rows import IDENTICAL
from ticket_hub.evidence.verdict import MARGIN, Verdict
from ticket_hub.recipe.own import ACCURACY, Metric
from ticket_hub.report.figure_style import figure_style
from ticket_hub.report.panels import nothing_to_show
from ticket_hub.report.sizes import MAX_LEVELS, forest_size, some
from ticket_hub.report.style import INK, PAPER, drawing, look

__all__ = ["Branch", "Judged", "differences_figure", "forest_figure", "verdict_branches"]


@dataclass(frozen=True, kw_only=True)
class Branch:
    """One row of a forest.

    Attributes:
        label: of the row.
        name: a network's; decides how the row looks.
        mean, low, high: of the difference, as fractions; infinite bounds are left out.
        n: of what, as `5 tickets`; or `5 tickets and 3 runs of 1 ticket` where there are no pairs.
        paired: a filled mark; an open one where there are no pairs.
    """

    label: str
    name: str
    mean: float
    low: float
    high: float
    n: str
    paired: bool = True


@runtime_checkable
class Judged(Protocol):
    """A level that was judged."""

    @property
    def density(self) -> float:
        """Kept weights over prunable weights."""

    @property
    def verdict(self) -> Verdict | None:
        """What its evidence supports."""


def differences_figure(
    levels: Sequence[Judged], *, title: str = "", width: float = 7.0, metric: Metric = ACCURACY
) -> Figure:
    """Accuracy of the ticket minus each control's, with intervals, at most at eight levels.

    Right of 0 the ticket is better. The dashed line is the margin of non-inferiority, which only
    references are judged by, such as dense. An interval that is not known is left out.

    Args:
        width: in inches.
    """
    verdicts = [level.verdict for level in levels if level.verdict is not None]
    compared = [each.difference.confidence for one in verdicts for each in one.comparisons]
    return forest_figure(
        verdict_branches(levels),
        title=title,
        which="weights left (%), control",
        margin=verdicts[0].margin if verdicts else MARGIN,
        confidence=compared[0] if compared else CONFIDENCE,
        width=width,
        metric=metric,
    )


def verdict_branches(levels: Sequence[Judged]) -> list[Branch]:
    """A row for each control of each level that was judged, at most eight levels."""
    judged = [level for level in levels if level.verdict is not None]
    return [
        Branch(
            label=f"{100 * level.density:.3g}%, {each.control}"
            + (f" ({IDENTICAL})" if each.identical else ""),
            name=each.control,
            mean=each.difference.mean,
            low=each.difference.low,
            high=each.difference.high,
            n=drawn_text(each.difference.n, level.verdict.tickets, each.control, each.draws),
        )
        for level in some(judged, MAX_LEVELS)
        if level.verdict
        for each in level.verdict.comparisons
    ]


def forest_figure(
    branches: Sequence[Branch],
    *,
    title: str = "",
    what: str = "test accuracy of the ticket minus the control's",
    which: str = "ticket and control",
    margin: float | None = MARGIN,
    confidence: float = CONFIDENCE,
    width: float = 7.0,
    metric: Metric = ACCURACY,
) -> Figure:
    """Differences with their intervals, one a row.

    Args:
        branches: where there is none, a sentence says so.
        what: is subtracted from what; it stands below with n and the kind of bar.
        which: what a row is of; it stands above the rows, where no text of theirs is.
        margin: of non-inferiority, drawn below 0; None draws none.
        confidence: of the intervals, for the note.
        width: in inches.
    """
    width = figure_style().width or width
    with drawing():
        if not metric.is_accuracy:
            what = f"by how much the ticket's test {metric.name} is better than the control's"
        scale = metric.scale
        notes = [what, f"bars: {100 * confidence:g}% interval, not corrected for their number"]
        pairs = sorted({branch.n for branch in branches if branch.paired})
        if pairs:
            notes.append(f"mean of pairs, n = {' or '.join(pairs)}")
        alone = sorted({branch.n for branch in branches if not branch.paired})
        if alone:
            notes.append(f"open: unpaired means of n = {'; '.join(alone)}")
        if margin is not None:
            notes.append(f"dashed: margin of {metric.amount(margin)}")
        note = textwrap.fill("; ".join(notes), int(width * 13))
        size = forest_size(len(branches), figure_style().width or width)
        figure = Figure(figsize=size, layout="constrained")
        panel = figure.subplots()
        if not branches:
            nothing_to_show(panel, "Nothing was compared.")
            figure.suptitle(title)
            return figure
        panel.axvline(0, color=INK, linewidth=1.0)
        if margin is not None:
            panel.axvline(-scale * margin, color=INK, linewidth=0.8, linestyle="--")
        for place, branch in enumerate(branches):
            _draw(panel, branch, place, scale)
        panel.set_yticks(range(len(branches)), [branch.label for branch in branches])
        panel.set_ylim(len(branches) - 0.5, -0.5)
        panel.set_ylabel(which, rotation="horizontal", ha="left", va="bottom")
        panel.yaxis.set_label_coords(0.0, 1.0 + 0.05 / size[1])
        panel.xaxis.set_major_locator(MaxNLocator(nbins=min(9, int(width))))
        unit = "points" if metric.is_accuracy else metric.unit
        panel.set_xlabel(f"difference ({unit})" if unit else "difference")
        figure.supxlabel(note, fontsize=8.5)
        figure.suptitle(title)
    return figure


def _draw(panel: Axes, branch: Branch, place: int, scale: float) -> None:
    style = look(branch.name, place)
    panel.errorbar(
        scale * branch.mean,
        place,
        xerr=(
            [[0.0], [0.0]]
            if not (math.isfinite(branch.low) and math.isfinite(branch.high))
            else [[scale * (branch.mean - branch.low)], [scale * (branch.high - branch.mean)]]
        ),
        color=style.color,
        markerfacecolor=style.color if branch.paired else PAPER,
        marker=style.marker or "o",
        markersize=5,
        capsize=2,
        linestyle="none",
    )
