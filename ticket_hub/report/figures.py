"""Figures against density, as the papers draw them (Frankle & Carbin 2019, figures 3 and 4)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from ticket_hub.comparison.ladder import (
    Bars,
    ErrorBar,
    Measured,
    MeasuredLadder,
    Numbers,
    counts_of,
)
from ticket_hub.recipe.own import ACCURACY, Metric, read_at
from ticket_hub.report.panels import (
    density_axis,
    kind_of_bar,
    n_text,
    points_with_bars,
    thousands,
    two_panels,
)
from ticket_hub.report.style import Look, drawing, legend_below, look

__all__ = ["ladder_figure", "tickets_figure"]

DODGE = 0.02
"""Between neighbours at one density, at most: the part of the axis."""
FILLED = 0.5
"""Of the room between two densities, what the networks at one of them take together."""


def ladder_figure(ladder: MeasuredLadder, *, bars: Bars = "range", width: float = 9.0) -> Figure:
    """Test accuracy at the early stop, and the early stop's iteration, against density.

    Per cent of weights remaining runs from left (dense) to right (sparse), logarithmically. The
    dense network is a level line. The number of trials and the meaning of the bars stand below.

    Args:
        width: of the figure, in inches; below 7 the two panels stand one above the other.
    """
    with drawing():
        figure, panels = two_panels(width)
        for panel, values in zip(panels, VALUES, strict=True):
            # Every series is moved apart a little, so that bars at one density stay readable.
            if ladder.dense is not None:
                _level_line(
                    panel, ErrorBar.of(values(ladder.dense), bars), look("dense", 0), "dense"
                )
            middle = (len(ladder.series) - 1) / 2
            apart = _apart(ladder.densities, len(ladder.series))
            for position, series in enumerate(ladder.series):
                spreads = [ErrorBar.of(values(rung), bars) for rung in series.rungs]
                places = [
                    100 * rung.density * apart ** (position - middle) for rung in series.rungs
                ]
                points_with_bars(panel, places, spreads, series.name, look(series.name, position))
            density_axis(panel, ladder.densities)
        _name_axes(panels, ladder.metric, read_at(stops_early=ladder.stops_early))
        figure.suptitle(ladder.title)
        legend_below(
            figure, panels[0], f"mean of {n_text(ladder.counts)}; bars: {kind_of_bar(bars)}"
        )
    return figure


def tickets_figure(
    ladders: Mapping[str, MeasuredLadder], *, bars: Bars = "interval", width: float = 9.0
) -> Figure:
    """The tickets and the dense networks of several runs, against density, in one figure.

    Args:
        ladders: by the runs' labels; the first series of each is its tickets.
        width: as in `ladder_figure`.
    """
    with drawing():
        figure, panels = two_panels(width)
        for panel, values in zip(panels, VALUES, strict=True):
            _runs_against_density(panel, ladders, values, bars)
        stop = read_at(stops_early=any(each.stops_early for each in ladders.values()))
        _name_axes(panels, ACCURACY, stop)
        rungs = [each for one in ladders.values() for some in one.series for each in some.rungs]
        note = f"mean of {n_text(counts_of(rungs))}; bars and shades: {kind_of_bar(bars)}"
        legend_below(figure, panels[0], note)
    return figure


VALUES: tuple[Callable[[Measured], Numbers], Callable[[Measured], Numbers]] = (
    lambda rung: [rung.metric.scale * accuracy for accuracy in rung.outcome.accuracy],
    lambda rung: rung.outcome.early_stop,
)
"""What the two panels show of a rung."""


def _name_axes(panels: tuple[Axes, Axes], metric: Metric, stop: str) -> None:
    title, _, unit = metric.heading.partition(" (")
    panels[0].set_ylabel(f"{title} at {stop}" + (f" ({unit}" if unit else ""))
    panels[1].set_ylabel("early-stop iteration" if stop == read_at(stops_early=True) else stop)
    panels[1].yaxis.set_major_formatter(FuncFormatter(thousands))


def _apart(densities: Collection[float], networks: int) -> float:
    """By what factor neighbours at one density are moved apart, on a logarithmic axis."""
    room = FILLED / max(1, len(densities) - 1) / networks
    return float((max(densities) / min(densities)) ** min(DODGE, room))


def _runs_against_density(
    panel: Axes,
    ladders: Mapping[str, MeasuredLadder],
    values: Callable[[Measured], Numbers],
    bars: Bars,
) -> None:
    densities = sorted({d for ladder in ladders.values() for d in ladder.densities}, reverse=True)
    apart = _apart(densities, len(ladders))
    for position, (label, ladder) in enumerate(ladders.items()):
        style = look("run", position)
        if ladder.dense is not None:
            dense = ErrorBar.of(values(ladder.dense), bars)
            _level_line(panel, dense, Look(style.color, "", "--"), f"{label} dense")
        rungs = ladder.series[0].rungs
        move = apart ** (position - (len(ladders) - 1) / 2)
        points_with_bars(
            panel,
            [100 * rung.density * move for rung in rungs],
            [ErrorBar.of(values(rung), bars) for rung in rungs],
            f"{label} ticket",
            style,
        )
    density_axis(panel, densities)


def _level_line(panel: Axes, dense: ErrorBar, style: Look, name: str) -> None:
    """The dense network, which has one density only."""
    panel.axhline(dense.mean, color=style.color, linestyle=style.line, lw=1, label=name)
    panel.axhspan(dense.low, dense.high, color=style.color, alpha=0.08, lw=0)
