"""Figures as the papers draw them (Frankle & Carbin 2019, figures 3 and 4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from jaxtyping import Float64
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator

from ticket_hub.report.ladder import Bars, Ladder, Numbers, Rung, Spread
from ticket_hub.report.style import INK, Look, drawing, legend_below, look

__all__ = ["curves_figure", "ladder_figure"]

T = TypeVar("T")

TWO_COLUMNS = 7.0
MANY = 10_000
MOST_TICKS = 7
MOST_CURVES = 6
DODGE = 0.006
_LEVEL_0 = Look(INK, "X", "--")
_BARS = {"range": "least to greatest trial", "interval": "95% Student-t interval"}


def ladder_figure(ladder: Ladder, *, bars: Bars = "range", width: float = 9.0) -> Figure:
    """Test accuracy at the early stop, and the early stop's iteration, against density.

    Per cent of weights remaining runs from left (dense) to right (sparse), logarithmically. The
    dense network is a level line. The number of trials and the meaning of the bars stand below.

    Args:
        width: of the figure, in inches; below 7 the two panels stand one above the other.
    """
    with drawing():
        figure, panels = _two_panels(width)
        _against_density(panels[0], ladder, lambda rung: [100 * a for a in rung.accuracies], bars)
        _against_density(panels[1], ladder, lambda rung: rung.early_stops, bars)
        panels[0].set_ylabel("test accuracy at early stop (%)")
        panels[1].set_ylabel("early-stop iteration")
        panels[1].yaxis.set_major_formatter(FuncFormatter(_thousands))
        figure.suptitle(ladder.title)
        legend_below(figure, panels[0], f"mean of {_count(ladder.trials)}; bars: {_BARS[bars]}")
    return figure


def curves_figure(ladder: Ladder, *, width: float = 9.0) -> Figure:
    """Test accuracy and validation loss of the ticket while it trains, one line a level.

    Lines are means over the trials, the shade spans the least to the greatest trial, and the mark
    is the mean early stop. At most six levels are drawn: the first, the last, and some between.
    """
    rungs = _some(ladder.series[0].rungs, MOST_CURVES)
    with drawing():
        figure, panels = _two_panels(width)
        for position, rung in enumerate(rungs):
            _curve(panels[0], rung, position, _accuracy_readings(rung))
            _curve(panels[1], rung, position, _readings(rung, "validation_loss"))
        panels[0].set_ylabel(_accuracy_label(rungs))
        panels[1].set_ylabel("validation loss (nats)")
        panels[1].set_yscale("log")
        panels[1].yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
        panels[1].yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        panels[1].yaxis.set_minor_locator(NullLocator())
        for panel in panels:
            panel.set_xlabel("training iteration")
            panel.xaxis.set_major_formatter(FuncFormatter(_thousands))
        _focus(panels[0], rungs)
        figure.suptitle(ladder.title)
        counts = tuple(sorted({len(rung.curves) for rung in rungs}))
        legend_below(
            figure,
            panels[0],
            f"mean of {_count(counts)}; shade: least to greatest trial; mark: mean early stop",
        )
    return figure


def _two_panels(width: float) -> tuple[Figure, tuple[Axes, Axes]]:
    side_by_side = width >= TWO_COLUMNS
    size = (width, 0.47 * width) if side_by_side else (width, 1.5 * width)
    figure = Figure(figsize=size, layout="constrained")
    rows, columns = (1, 2) if side_by_side else (2, 1)
    first, second = figure.subplots(rows, columns).flat
    return figure, (first, second)


def _against_density(
    panel: Axes, ladder: Ladder, values: Callable[[Rung], Numbers], bars: Bars
) -> None:
    """Draw every series, moved apart a little so that bars at one density stay readable."""
    if ladder.dense is not None:
        dense = Spread.of(values(ladder.dense), bars)
        style = look("dense", 0)
        panel.axhline(dense.mean, color=style.color, linestyle=style.line, lw=1, label="dense")
        panel.axhspan(dense.low, dense.high, color=style.color, alpha=0.08, lw=0)
    middle = (len(ladder.series) - 1) / 2
    apart = (max(ladder.densities) / min(ladder.densities)) ** DODGE
    for position, series in enumerate(ladder.series):
        spreads = [Spread.of(values(rung), bars) for rung in series.rungs]
        places = [100 * rung.density * apart ** (position - middle) for rung in series.rungs]
        _bars(panel, places, spreads, series.name, position)
    _density_axis(panel, ladder.densities)


def _bars(
    panel: Axes, places: Sequence[float], spreads: Sequence[Spread], name: str, position: int
) -> None:
    style = look(name, position)
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


def _density_axis(panel: Axes, densities: Sequence[float]) -> None:
    """Ticks at levels that exist, as many as can be read; dense stands at the left."""
    panel.set_xscale("log")
    stride = -(-(len(densities) - 1) // (MOST_TICKS - 1)) or 1
    ticks = [100 * density for density in densities[::stride]]
    panel.xaxis.set_major_locator(FixedLocator(ticks))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    panel.yaxis.set_major_locator(MaxNLocator(nbins=7))
    margin = (max(densities) / min(densities)) ** 0.05 * 1.05
    panel.set_xlim(100 * max(densities) * margin, 100 * min(densities) / margin)
    panel.set_xlabel("weights remaining (%)")


def _curve(
    panel: Axes, rung: Rung, position: int, readings: Float64[np.ndarray, "trials evaluations"]
) -> None:
    style = _LEVEL_0 if rung.level == 0 else look("level", position - 1)
    mean = readings.mean(0)
    iterations = rung.curves[0].iterations.numpy()[: len(mean)]
    panel.plot(
        iterations,
        mean,
        color=style.color,
        linestyle=style.line,
        marker=style.marker,
        markersize=3,
        markevery=(position, max(6, len(mean) // 6)),
        linewidth=1.2,
        label=f"{100 * rung.density:.3g}% of weights (level {rung.level})",
    )
    panel.fill_between(
        iterations, readings.min(0), readings.max(0), color=style.color, alpha=0.12, lw=0
    )
    stop = float(np.mean(rung.early_stops))
    panel.plot(
        stop,
        float(np.interp(stop, iterations, mean)),
        color=style.color,
        marker=style.marker,
        markersize=7,
        markeredgecolor=INK,
        markeredgewidth=0.6,
        linestyle="none",
    )


def _readings(rung: Rung, column: str) -> Float64[np.ndarray, "trials evaluations"]:
    """The readings that all trials have: patience may have ended some before others."""
    arrays = [getattr(each, column).numpy() for each in rung.curves]
    shortest = min(map(len, arrays))
    return np.stack([array[:shortest] for array in arrays])


def _accuracy_readings(rung: Rung) -> Float64[np.ndarray, "trials evaluations"]:
    return 100 * _readings(rung, "test_accuracy" if _test_is_read(rung) else "validation_accuracy")


def _test_is_read(rung: Rung) -> bool:
    """Whether the test set was read along the way, and not only at the early stop."""
    return bool(np.isfinite(_readings(rung, "test_accuracy")).all())


def _accuracy_label(rungs: Sequence[Rung]) -> str:
    read = sorted({"test" if _test_is_read(rung) else "validation" for rung in rungs})
    return f"{' or '.join(read)} accuracy (%)"


def _focus(panel: Axes, rungs: Sequence[Rung]) -> None:
    """Leave out the steep first part, in which all levels look alike."""
    floor, top = 100.0, 0.0
    for rung in rungs:
        mean = _accuracy_readings(rung).mean(0)
        floor = min(floor, float(mean[len(mean) // 8 :].min()))
        top = max(top, float(_accuracy_readings(rung).max()))
    margin = 0.08 * max(top - floor, 0.5)
    panel.set_ylim(floor - margin, top + margin)


def _some(items: Sequence[T], most: int) -> list[T]:
    """At most so many, evenly spread, the first and the last among them."""
    if len(items) <= most:
        return list(items)
    places = sorted({round(i * (len(items) - 1) / (most - 1)) for i in range(most)})
    return [items[place] for place in places]


def _count(trials: Sequence[int]) -> str:
    if len(trials) == 1:
        return f"n = {trials[0]} trial{'s' if trials[0] != 1 else ''}"
    return f"n = {trials[0]} to {trials[-1]} trials"


def _thousands(value: float, _position: int | None = None) -> str:
    return f"{value / 1000:g}k" if abs(value) >= MANY else f"{value:g}"
