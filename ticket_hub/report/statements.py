"""What the statements of a claim came to, beside their bounds and what was published."""

from __future__ import annotations

import textwrap
from functools import partial

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ticket_hub.bundle.reproduction_record import SMOKE, ReproductionRecord, StatementResult
from ticket_hub.report.figure_style import figure_style
from ticket_hub.report.style import BLUE, INK, PAPER, PURPLE, VERMILLION, drawing

__all__ = ["statements_figure"]

_WORDS = {"yes": "shown", "the opposite": "the opposite is shown", "no": "not shown"}
_COLORS = {"shown": BLUE, "the opposite is shown": VERMILLION}
ROW = 1.15
"""Height of a statement, in inches."""
LETTERS = 13
"""Of a line, an inch."""
BESIDE = 0.08
"""Between the outermost mark and the edge: the part of the axis."""


def statements_figure(record: ReproductionRecord, *, width: float = 7.0) -> Figure:
    """A row for each statement, in its own unit: what was measured, the bound, what was published.

    A statement is shown where its whole interval lies in the shaded part, above the bound. An
    interval that is not known is left out.

    Args:
        width: in inches.
    """
    width = figure_style().width or width
    wrapped = partial(textwrap.fill, width=int(width * LETTERS))
    with drawing():
        size = (width, 1.0 + ROW * len(record.statements))
        figure = Figure(figsize=size, layout="constrained")
        rows = figure.subplots(len(record.statements), 1, squeeze=False)[:, 0]
        for panel, statement in zip(rows, record.statements, strict=True):
            came = "" if record.outcome == SMOKE else _WORDS[statement.came]
            _draw(panel, statement, came)
            text = f"{came}: {statement.says}" if came else statement.says
            panel.set_title(wrapped(text), loc="left", fontsize=9.0)
        figure.suptitle(wrapped(f"{record.title}: {record.outcome}"))
        first = record.statements[0]
        notes = [
            f"dot: measured, n = {first.counted}; bar: {100 * first.confidence:g}% interval",
            f"dashed: the bound of the statement; budget {record.budget}, seed {record.seed}",
        ]
        if any(each.published is not None for each in record.statements):
            notes.append("diamond: published")
        figure.supxlabel(wrapped("; ".join(notes)), fontsize=8.5)
    return figure


def _draw(panel: Axes, statement: StatementResult, came: str) -> None:
    found = statement.measured
    low = found.mean if found.low is None else found.low
    high = found.mean if found.high is None else found.high
    places = [low, found.mean, high, statement.above]
    color = _COLORS.get(came, INK)
    panel.errorbar(
        found.mean,
        0,
        xerr=[[found.mean - low], [high - found.mean]],
        color=color,
        markerfacecolor=color if came in _COLORS else PAPER,
        marker="o",
        markersize=6,
        capsize=3,
        linestyle="none",
    )
    if statement.published is not None:
        places.append(statement.published)
        panel.plot(
            statement.published,
            0,
            color=PURPLE,
            markerfacecolor=PAPER,
            marker="D",
            markersize=6,
            linestyle="none",
        )
    beside = BESIDE * (max(places) - min(places)) or BESIDE
    left, right = min(places) - beside, max(places) + beside
    panel.set_xlim(left, right)
    panel.axvline(statement.above, color=INK, linewidth=1.0, linestyle="--")
    panel.axvspan(statement.above, right, color=BLUE, alpha=0.08, linewidth=0)
    panel.set_yticks([])
    panel.set_ylim(-1, 1)
    panel.xaxis.set_major_locator(MaxNLocator(nbins=8))
    known = {"points": "difference (points)", "x": "sooner (times)"}
    about = f"{statement.measure} ({statement.unit or 'no unit'})"
    panel.set_xlabel(known.get(statement.unit, about), loc="right", labelpad=1)
