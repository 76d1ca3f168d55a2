"""What figures have in common: panels, axes with their units, bars, and what is said of them."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from ticket_hub.comparison.ladder import Bars, ErrorBar
from ticket_hub.report.figure_style import figure_style
from ticket_hub.report.sizes import some
from ticket_hub.report.style import Look

__all__ = [
    "density_axis",
    "iteration_axis",
    "kind_of_bar",
    "n_text",
    "nothing_to_show",
    "points_with_bars",
    "some",
    "thousands",
    "two_panels",
]


TWO_COLUMNS = 7.0
MANY = 10_000
MAX_TICKS = 7
MAX_COUNTS = 3
CLOSEST = 12  # two ticks are at least this part of the axis apart
_BARS = {"range": "least to greatest trial", "interval": "95% Student-t interval"}


def kind_of_bar(bars: Bars) -> str:
    """What a figure says of its bars."""
    return _BARS[bars]


def two_panels(width: float) -> tuple[Figure, tuple[Axes, Axes]]:
    """Two panels side by side, or one above the other in a figure below 7 inches."""
    width = figure_style().width or width
    side_by_side = width >= TWO_COLUMNS
    size = (width, 0.47 * width) if side_by_side else (width, 1.5 * width)
    figure = Figure(figsize=size, layout="constrained")
    rows, columns = (1, 2) if side_by_side else (2, 1)
    first, second = figure.subplots(rows, columns).flat
    return figure, (first, second)


def nothing_to_show(panel: Axes, sentence: str) -> None:
    """Say in the place of a chart why there is none."""
    panel.set_axis_off()
    panel.text(0.5, 0.5, sentence, transform=panel.transAxes, ha="center", va="center")


def points_with_bars(
    panel: Axes, places: Sequence[float], spreads: Sequence[ErrorBar], name: str, style: Look
) -> None:
    """A line through means, with bars."""
    means = [spread.mean for spread in spreads]
    below = [spread.mean - spread.low for spread in spreads]
    above = [spread.high - spread.mean for spread in spreads]
    panel.errorbar(
        places,
        means,
        yerr=[below, above],
        color=style.color,
        marker=style.marker,
        linestyle=style.line,
        markersize=4,
        linewidth=1.3,
        elinewidth=0.9,
        capsize=2,
        label=name,
    )


def density_axis(panel: Axes, densities: Sequence[float]) -> None:
    """Ticks at levels that exist, as many as can be read; dense stands at the left."""
    panel.set_xscale("log")
    stride = -(-(len(densities) - 1) // (MAX_TICKS - 1)) or 1
    ticks = _apart([100 * density for density in densities[::stride]])
    panel.xaxis.set_major_locator(FixedLocator(ticks))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    panel.yaxis.set_major_locator(MaxNLocator(nbins=7))
    margin = (max(densities) / min(densities)) ** 0.05 * 1.05
    panel.set_xlim(100 * max(densities) * margin, 100 * min(densities) / margin)
    panel.set_xlabel("weights remaining (%)")


def _apart(ticks: Sequence[float]) -> list[float]:
    """Ticks of a logarithmic axis, from left to right, without those that would overlap."""
    least = (max(ticks) / min(ticks)) ** (1 / CLOSEST)
    kept = [ticks[0]]
    for tick in ticks[1:]:
        if kept[-1] / tick >= least:
            kept.append(tick)
    return kept


def iteration_axis(panel: Axes) -> None:
    """Iterations of training from left to right."""
    panel.set_xlabel("training iteration")
    panel.xaxis.set_major_formatter(FuncFormatter(thousands))


def n_text(counts: Sequence[str]) -> str:
    """What a figure says of n, given of what it is, the fewest trials first."""
    if len(counts) <= MAX_COUNTS:
        return f"n = {' or '.join(counts)}"
    return f"n = {counts[0]} to {counts[-1]}"


def thousands(value: float, _position: int | None = None) -> str:
    """An iteration on an axis: `500`, `20k`."""
    return f"{value / 1000:g}k" if abs(value) >= MANY else f"{value:g}"
