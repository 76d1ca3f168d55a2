"""Figures of training: accuracy and validation loss against the iteration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from ticket_hub.comparison.ladder import Measured, MeasuredLadder, counts_of
from ticket_hub.recipe.own import ACCURACY, read_at
from ticket_hub.report.panels import (
    iteration_axis,
    n_text,
    nothing_to_show,
    some,
    two_panels,
)
from ticket_hub.report.style import INK, Look, drawing, legend_below, look
from ticket_hub.shapes import Float64

__all__ = ["curves_figure", "learning_figure"]

MAX_CURVES = 6
_LEVEL_0 = Look(INK, "X", "--")


@dataclass(frozen=True, kw_only=True)
class _Line:
    """One network of a figure."""

    name: str
    rung: Measured
    style: Look
    position: int


def curves_figure(ladder: MeasuredLadder, *, width: float = 9.0) -> Figure:
    """Test accuracy and validation loss of the ticket while it trains, one line a level.

    Lines are means over the trials, the shade spans the least to the greatest trial, and the mark
    stands at the mean early stop. At most six levels are drawn: the first, the last, and some
    between.
    """
    lines = [
        _Line(
            name=f"{100 * rung.density:.3g}% of weights (level {rung.level})",
            rung=rung,
            style=_LEVEL_0 if rung.level == 0 else look("level", position - 1),
            position=position,
        )
        for position, rung in enumerate(some(ladder.series[0].rungs, MAX_CURVES))
    ]
    return _training(lines, ladder.title, width)


def learning_figure(networks: Mapping[str, Measured], *, title: str, width: float = 9.0) -> Figure:
    """Test accuracy and validation loss of the ticket, its controls and the dense network.

    Lines are means over the trials, the shade spans the least to the greatest trial, and the mark
    stands at the mean early stop. Where patience has ended some trials, a line goes as far as all
    trials do.

    Args:
        networks: at one level, by their names; at least one.
    """
    lines = [
        _Line(name=name, rung=rung, style=look(name, position), position=position)
        for position, (name, rung) in enumerate(networks.items())
    ]
    return _training(lines, title, width)


def _training(lines: Sequence[_Line], title: str, width: float) -> Figure:
    rungs = [line.rung for line in lines]
    with drawing():
        figure, panels = two_panels(width)
        for line in lines:
            rung = line.rung
            _curve(panels[0], line, _accuracy_readings(rung))
            _curve(panels[1], line, _readings(rung, "validation_loss"))
            if rung.train_accuracies:
                _sample(panels[0], line, rung.metric.scale * _readings(rung, "train_accuracy"))
                _sample(panels[1], line, _readings(rung, "train_loss"))
        _marks(panels[0], lines, _accuracy_at_stop)
        _marks(panels[1], lines, _least_loss)
        read = sorted({"test" if _test_is_read(rung) else "validation" for rung in rungs})
        panels[0].set_ylabel(f"{' or '.join(read)} {rungs[0].metric.heading.removeprefix('test ')}")
        _focus(panels[0], rungs)
        for panel in panels:
            iteration_axis(panel)
        if any(np.isfinite(_least_loss(rung)) for rung in rungs):
            _loss_axis(panels[1], rungs)
        else:
            nothing_to_show(panels[1], "No validation loss was read.")
        figure.suptitle(title)
        stop = read_at(stops_early=any(rung.outcome.stops_early for rung in rungs))
        note = f"shade: least to greatest trial; open mark: means at the {stop}"
        if any(rung.train_accuracies for rung in rungs):
            note += "; dotted: training examples"
        legend_below(figure, panels[0], f"mean of {n_text(counts_of(rungs))}; {note}")
    return figure


def _loss_axis(panel: Axes, rungs: Sequence[Measured]) -> None:
    ours = all(rung.metric == ACCURACY for rung in rungs)
    panel.set_ylabel("validation loss (nats)" if ours else "validation loss")
    if not all(bool((_readings(rung, "validation_loss") > 0).all()) for rung in rungs):
        return  # an author's own loop may report none, or one that is below 0
    panel.set_yscale("log")
    panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    panel.yaxis.set_minor_locator(NullLocator())


def _curve(panel: Axes, line: _Line, readings: Float64[np.ndarray, "trials evaluations"]) -> None:
    rung, style = line.rung, line.style
    mean = readings.mean(0)
    iterations = rung.curves[0].iterations.numpy()[: len(mean)]
    panel.plot(
        iterations,
        mean,
        color=style.color,
        linestyle=style.line,
        marker=style.marker,
        markersize=3,
        markevery=(line.position, max(6, len(mean) // 6)),
        linewidth=1.2,
        label=line.name,
    )
    panel.fill_between(
        iterations, readings.min(0), readings.max(0), color=style.color, alpha=0.12, lw=0
    )


def _marks(panel: Axes, lines: Sequence[_Line], value: Callable[[Measured], float]) -> None:
    """Where each network stops early: open, and the first ones larger, so that none hides another.

    Networks that stop at the same place then show as marks within each other.
    """
    for place, line in enumerate(lines, 1):
        panel.plot(
            float(np.mean(line.rung.outcome.early_stop)),
            value(line.rung),
            color=line.style.color,
            marker=line.style.marker or "*",
            markersize=6.0 + 2.2 * (len(lines) - place),
            markerfacecolor="none",
            markeredgewidth=1.3,
            linestyle="none",
            zorder=4,
        )


def _sample(panel: Axes, line: _Line, readings: Float64[np.ndarray, "trials evaluations"]) -> None:
    """The mean over the trials on the training sample, beside the curve of the same colour."""
    mean = readings.mean(0)
    iterations = line.rung.curves[0].iterations.numpy()[: len(mean)]
    panel.plot(iterations, mean, color=line.style.color, linestyle=":", linewidth=0.8)


def _readings(rung: Measured, column: str) -> Float64[np.ndarray, "trials evaluations"]:
    """The readings that all trials have: patience may have ended some before others.

    Several draws of a trial are averaged.
    """
    arrays = [getattr(each, column).numpy() for each in rung.curves]
    shortest = min(map(len, arrays))
    readings = np.stack([array[:shortest] for array in arrays])
    return np.asarray(readings.reshape(-1, rung.outcome.draws, shortest).mean(1))


def _accuracy_readings(rung: Measured) -> Float64[np.ndarray, "trials evaluations"]:
    scale = rung.metric.scale
    return scale * _readings(
        rung, "test_accuracy" if _test_is_read(rung) else "validation_accuracy"
    )


def _test_is_read(rung: Measured) -> bool:
    """Whether the test set was read along the way, and not only at the early stop."""
    return bool(np.isfinite(_readings(rung, "test_accuracy")).all())


def _accuracy_at_stop(rung: Measured) -> float:
    if _test_is_read(rung):
        return rung.metric.scale * float(np.mean(rung.outcome.accuracy))
    return rung.metric.scale * float(
        np.mean([float(each.validation_accuracy[each.early_stop]) for each in rung.curves])
    )


def _least_loss(rung: Measured) -> float:
    """The mean of the least validation losses; NaN where none was read."""
    return float(np.mean([float(each.validation_loss.min()) for each in rung.curves]))


def _focus(panel: Axes, rungs: Sequence[Measured]) -> None:
    """Leave out the steep first part, in which all levels look alike."""
    floor, top = np.inf, -np.inf
    for rung in rungs:
        mean = _accuracy_readings(rung).mean(0)
        floor = min(floor, float(mean[len(mean) // 8 :].min()))
        top = max(top, float(_accuracy_readings(rung).max()))
        if rung.train_accuracies:
            train = rung.metric.scale * _readings(rung, "train_accuracy").mean(0)
            top = max(top, float(np.nanmax(train)))
    least = 0.5 if rungs[0].metric.is_accuracy else 1e-9
    margin = 0.08 * max(top - floor, least)
    panel.set_ylim(floor - margin, top + margin)
