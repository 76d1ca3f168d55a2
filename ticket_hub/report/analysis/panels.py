"""What figures of distributions share: panels by layer, and cumulative lines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ticket_hub.analysis import Finding
from ticket_hub.analysis.distribution import STEPS, Distribution
from ticket_hub.report.panels import some
from ticket_hub.report.style import look

__all__ = ["LINES", "draw_cumulative", "left_out", "panels", "short", "shown_layers"]

LINES = ("-", "--", "-.", ":")
WIDTH = 7.0
MAX_LAYERS = 6
COLUMNS = 3


def panels(count: int, *, columns: int = COLUMNS, height: float = 2.1) -> tuple[Figure, list[Axes]]:
    """A figure with so many panels, row by row. Call it within `drawing`."""
    columns = min(columns, count)
    rows = -(-count // columns)
    figure = Figure(figsize=(WIDTH, height * rows + 0.9), layout="constrained")
    grid: list[Axes] = list(figure.subplots(rows, columns, squeeze=False).flat)
    for spare in grid[count:]:
        spare.set_axis_off()
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
