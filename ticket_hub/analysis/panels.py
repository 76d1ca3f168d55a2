"""What figures of analyses share: rows and panels by layer, and cumulative lines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from ticket_hub.analysis.distribution import STEPS, Distribution
from ticket_hub.analysis.folder import Finding
from ticket_hub.analysis.marks import mean_and_bar
from ticket_hub.report.panels import some
from ticket_hub.report.style import look

__all__ = [
    "COLUMNS",
    "LINES",
    "MARK",
    "ROW",
    "WIDTH",
    "draw_cumulative",
    "layer_panel",
    "left_out",
    "mark_in_row",
    "panels",
    "place_in_row",
    "short",
    "shown_layers",
    "wide_axis",
]

LINES = ("-", "--", "-.", ":")
WIDTH = 7.0
MAX_LAYERS = 6
COLUMNS = 3
ROW = 0.3
MARK = 0.11
FAR = 4.0
MANY_DECADES = 300.0
APART = 0.55  # of a row, over which the levels of one layer are spread


def panels(count: int, *, columns: int = COLUMNS, height: float = 2.1) -> tuple[Figure, list[Axes]]:
    """A figure with so many panels, row by row. Call it within `drawing`."""
    columns = min(columns, count)
    rows = -(-count // columns)
    figure = Figure(figsize=(WIDTH, height * rows + 0.9), layout="constrained")
    grid: list[Axes] = list(figure.subplots(rows, columns, squeeze=False).flat)
    for spare in grid[count:]:
        spare.remove()
    return figure, grid[:count]


def shown_layers(findings: Sequence[Finding], most: int = MAX_LAYERS) -> list[int]:
    """The layers that are drawn: the first, the last, and some between."""
    return some(range(len(findings[0].result.layers)), most)


def left_out(findings: Sequence[Finding], shown: Sequence[int]) -> str:
    """Says how many layers are not drawn, or nothing."""
    count = len(findings[0].result.layers)
    return "" if len(shown) == count else f"; {len(shown)} of {count} layers are drawn"


def short(layer: str) -> str:
    """The name of a layer without that of its parameter."""
    return layer.removesuffix(".weight")


def draw_cumulative(
    panel: Axes, values: Distribution, position: int, line: str, label: str
) -> None:
    """Draw which share of the values is no greater, in per cent."""
    if values.quantiles:
        shares = np.arange(STEPS + 1) * (100 / STEPS)
        color = look("", position).color
        panel.plot(values.quantiles, shares, color=color, linestyle=line, lw=1.3, label=label)


def layer_panel(names: Sequence[str], levels: int) -> tuple[Figure, Axes]:
    """A figure with one row for each layer, the first at the top. Call it within `drawing`.

    Args:
        levels: marks in each row, for which it must be high enough.
    """
    height = max(ROW, MARK * levels)
    figure = Figure(figsize=(WIDTH, 1.5 + height * len(names)), layout="constrained")
    panel = figure.subplots()
    panel.set_yticks(range(len(names)), [name.removesuffix(".weight") for name in names])
    panel.set_ylim(len(names) - 0.5, -0.5)
    panel.set_ylabel("layer")
    panel.grid(visible=False, axis="y")
    return figure, panel


def place_in_row(row: int, position: int, count: int) -> float:
    """Where the mark of one of several levels stands in a row."""
    return row + (APART * (position / (count - 1) - 0.5) if count > 1 else 0.0)


def mark_in_row(
    panel: Axes,
    place: float,
    position: int,
    values: Sequence[float],
    label: str,
    *,
    hollow: bool = False,
    size: int = 5,
) -> None:
    """Mark the mean over the trials, with a bar from the least to the greatest.

    Args:
        place: see `place_in_row`.
        position: of the level among those that are drawn.
        values: of each trial.
        label: in the legend; empty leaves it out.
    """
    mean, bar = mean_and_bar(values)
    style = look("", position)
    panel.errorbar(
        mean,
        place,
        xerr=bar,
        color=style.color,
        marker=style.marker,
        markerfacecolor="white" if hollow else style.color,
        markersize=size,
        capsize=2,
        linestyle="none",
        label=label or "_",
    )


def wide_axis(panel: Axes) -> None:
    """Ticks as plain numbers along the rows, logarithmic where the marks lie far apart."""
    low, high = panel.dataLim.intervalx
    if high <= FAR * low:
        panel.xaxis.set_major_locator(MaxNLocator(nbins=8))
        return
    panel.set_xscale("log")
    subs = (1.0, 2.0, 5.0) if high <= MANY_DECADES * low else (1.0,)
    panel.xaxis.set_major_locator(LogLocator(subs=subs))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    panel.xaxis.set_minor_locator(NullLocator())
