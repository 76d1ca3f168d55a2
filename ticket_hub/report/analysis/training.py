"""What training tickets again shows: the line between two ends, and noise on theta0."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ticket_hub.analysis import Finding
from ticket_hub.analysis.interpolation import Interpolation
from ticket_hub.analysis.interval import Interval
from ticket_hub.analysis.noise import Noise, NoiseLevel
from ticket_hub.evidence.statistics import LEAST_TRIALS
from ticket_hub.report.analysis.spreads import panels
from ticket_hub.report.analysis.views import (
    Table,
    Value,
    View,
    count_trials,
    level_name,
    mean_and_bar,
)
from ticket_hub.report.style import drawing, legend_below, look

__all__ = ["INTERPOLATION", "NOISE"]


def interpolation_figure(findings: Sequence[Finding]) -> Figure:
    """Test error along the line, and the error barrier by density."""
    results: list[Interpolation] = [finding.result for finding in findings]
    with drawing():
        figure, (line, bars) = panels(2, columns=2, height=2.9)
        for position, finding in enumerate(findings):
            _error_line(line, finding, position)
            _barrier_bar(bars, finding, position)
        line.set_xlabel("place between the two ends")
        line.set_ylabel("test error (%)")
        bars.axhline(100 * results[0].threshold, color=look("dense", 0).color, lw=0.8, ls="--")
        bars.set_xticks(range(len(findings)), [_short_name(each) for each in findings])
        bars.set_xlim(-0.6, len(findings) - 0.4)
        top = max(bars.get_ylim()[1], 110 * results[0].threshold)
        bars.set_ylim(-0.04 * top, top)
        bars.set_xlabel("weights remaining (%)")
        bars.set_ylabel("error barrier (points)")
        legend_below(
            figure,
            line,
            f"mean of {count_trials(len(results[0].lines))} at {len(results[0].points)} places; "
            "left, shade: least to greatest trial; "
            f"right, bars: {_bars(results[0].error_barrier)}; "
            f"dashed: {100 * results[0].threshold:g} points, below which a start is called stable"
            + _statistics(results[0]),
        )
    return figure


def _statistics(result: Interpolation) -> str:
    if not result.statistics_examples:
        return ""
    return (
        f"; statistics of norms estimated anew from {result.statistics_examples:,} training "
        "examples at every place"
    )


def _short_name(finding: Finding) -> str:
    return "100\n(dense)" if not finding.level else f"{100 * finding.density:.3g}"


def _error_line(panel: Axes, finding: Finding, position: int) -> None:
    result: Interpolation = finding.result
    style = look("dense" if not finding.level else "", position - 1)
    errors = [[100 * error for error in line.errors] for line in result.lines]
    columns = list(zip(*errors, strict=True))
    panel.plot(
        result.points,
        [sum(column) / len(column) for column in columns],
        color=style.color,
        linestyle=style.line,
        marker=style.marker,
        markersize=3,
        markevery=5,
        linewidth=1.3,
        label=level_name(finding),
    )
    panel.fill_between(
        result.points,
        [min(column) for column in columns],
        [max(column) for column in columns],
        color=style.color,
        alpha=0.12,
        linewidth=0,
    )


def _barrier_bar(panel: Axes, finding: Finding, position: int) -> None:
    result: Interpolation = finding.result
    style = look("dense" if not finding.level else "", position - 1)
    barriers = [line.error_barrier for line in result.lines]
    mean, arms = _mark(result.error_barrier, barriers, 100.0)
    panel.errorbar(
        position,
        mean,
        yerr=arms,
        color=style.color,
        marker=style.marker or "D",
        markersize=5,
        capsize=3,
    )


def _bars(interval: Interval) -> str:
    if interval.n < LEAST_TRIALS:
        return "least to greatest trial"
    return "95% interval of the mean"


def _mark(
    interval: Interval, values: Sequence[float] | Sequence[int], scale: float
) -> tuple[float, list[list[float]]]:
    """Mean and arms: the interval, or from the least to the greatest of too few trials."""
    if interval.n < LEAST_TRIALS:
        return mean_and_bar([scale * value for value in values])
    mean = scale * interval.mean
    if interval.low is None or interval.high is None:
        return mean, [[0.0], [0.0]]
    return mean, [[max(0.0, mean - scale * interval.low)], [max(0.0, scale * interval.high - mean)]]


def interpolation_table(findings: Sequence[Finding]) -> Table:
    """One row for each level."""
    rows: list[tuple[Value, ...]] = []
    for finding in findings:
        result: Interpolation = finding.result
        ends = [error for line in result.lines for error in (line.errors[0], line.errors[-1])]
        highest = [max(line.errors) for line in result.lines]
        barrier, loss = result.error_barrier, result.loss_barrier
        rows.append(
            (
                finding.level,
                100 * finding.density,
                barrier.n,
                100 * sum(ends) / len(ends),
                100 * sum(highest) / len(highest),
                100 * barrier.mean,
                None if barrier.low is None else 100 * barrier.low,
                None if barrier.high is None else 100 * barrier.high,
                loss.mean,
                result.state,
            )
        )
    return Table(
        headings=(
            "level",
            "weights left (%)",
            "n",
            "error of the ends (%)",
            "highest error (%)",
            "error barrier (points)",
            "from (95%)",
            "to (95%)",
            "loss barrier (nats)",
            "start",
        ),
        forms=("d", ".2f", "d", ".2f", ".2f", ".2f", ".2f", ".2f", ".4f", ""),
        rows=tuple(rows),
    )


def _interpolation_sentence(result: Interpolation) -> str:
    return (
        f"error barrier {_span(result.error_barrier)} points between two data orders from "
        f"iteration {result.start:,} to {result.iterations:,} "
        f"(n = {result.error_barrier.n}): {result.state} at {100 * result.threshold:g} points"
    )


def _span(interval: Interval, form: str = ".2f") -> str:
    mean = f"{100 * interval.mean:{form}}"
    if interval.low is None or interval.high is None:
        return mean
    return f"{mean} ({100 * interval.low:{form}} to {100 * interval.high:{form}})"


INTERPOLATION = View(
    caption=(
        "Each start is trained twice, in two data orders; the line between the two ends is read "
        "on the test set, at places of an even grid. The error barrier is the highest error on it "
        "minus the mean of the ends; a start is called stable below 2 points. Intervals are "
        "Student-t over three trials or more."
    ),
    figure=interpolation_figure,
    table=interpolation_table,
    sentence=_interpolation_sentence,
)


def noise_figure(findings: Sequence[Finding]) -> Figure:
    """Accuracy and early stop against noise; the level line is reinit."""
    results: list[Noise] = [finding.result for finding in findings]
    with drawing():
        figure, (accuracy, stop) = panels(2, columns=2, height=2.9)
        for position, finding in enumerate(findings):
            _against_noise(accuracy, finding, position, _accuracy)
            _against_noise(stop, finding, position, _early_stop)
        accuracy.set_ylabel("test accuracy at early stop (%)")
        stop.set_ylabel("early-stop iteration")
        for panel in (accuracy, stop):
            panel.set_xlabel("noise (sigma of the initialization)")
            panel.yaxis.set_major_locator(MaxNLocator(nbins=6))
        legend_below(
            figure,
            accuracy,
            f"mean of {count_trials(results[0].reinit.accuracy.n)}; bars and shade: "
            f"{_bars(results[0].reinit.accuracy)}; "
            "level lines: the same masks with fresh values (reinit)",
        )
    return figure


Mark: TypeAlias = tuple[float, list[list[float]]]


def _accuracy(level: NoiseLevel) -> Mark:
    return _mark(level.accuracy, level.outcomes.accuracies, 100.0)


def _early_stop(level: NoiseLevel) -> Mark:
    return _mark(level.early_stop, level.outcomes.early_stops, 1.0)


def _against_noise(
    panel: Axes, finding: Finding, position: int, mark: Callable[[NoiseLevel], Mark]
) -> None:
    result: Noise = finding.result
    style, name = look("", position), level_name(finding)
    marks = [mark(each) for each in result.levels]
    panel.errorbar(
        [(each.multiple or 0.0) + 0.03 * position for each in result.levels],
        [mean for mean, _ in marks],
        yerr=[[arms[side][0] for _, arms in marks] for side in (0, 1)],
        color=style.color,
        marker=style.marker,
        markersize=4,
        linewidth=1.3,
        elinewidth=0.9,
        capsize=2,
        label=name,
    )
    mean, arms = mark(result.reinit)
    panel.axhline(mean, color=style.color, linestyle="--", lw=1, label=f"reinit, {name}")
    panel.axhspan(mean - arms[0][0], mean + arms[1][0], color=style.color, alpha=0.08, lw=0)


def noise_table(findings: Sequence[Finding]) -> Table:
    """One row for each level and amount of noise."""
    rows: list[tuple[Value, ...]] = []
    for finding in findings:
        for each in (*finding.result.levels, finding.result.reinit):
            lost = each.loss_of_accuracy
            rows.append(
                (
                    finding.level,
                    each.name,
                    each.accuracy.n,
                    100 * each.accuracy.mean,
                    None if each.accuracy.low is None else 100 * each.accuracy.low,
                    None if each.accuracy.high is None else 100 * each.accuracy.high,
                    each.early_stop.mean,
                    -100 * lost.mean if each.multiple != 0 else None,
                    None if lost.high is None else -100 * lost.high,
                    None if lost.low is None else -100 * lost.low,
                )
            )
    return Table(
        headings=(
            "level",
            "start",
            "n",
            "test accuracy (%)",
            "from (95%)",
            "to (95%)",
            "early stop",
            "against no noise (points)",
            "from (95%)",
            "to (95%)",
        ),
        forms=("d", "", "d", ".2f", ".2f", ".2f", ",.0f", "+.2f", "+.2f", "+.2f"),
        rows=tuple(rows),
    )


def _noise_sentence(result: Noise) -> str:
    still, most = result.levels[0], result.levels[-1]
    return (
        f"test accuracy {_span(still.accuracy)}% without noise, {_span(most.accuracy)}% with "
        f"{most.name}, {_span(result.reinit.accuracy)}% with fresh values "
        f"(n = {still.accuracy.n}, {result.iterations:,} iterations)"
    )


NOISE = View(
    caption=(
        "Gaussian noise is added to theta0, its standard deviation a multiple of that of the "
        "layer's initialization; then the ticket is trained with the same budget and the same data "
        "order within a trial. Iterations are chosen on the validation set alone. Intervals are "
        "Student-t over three trials or more."
    ),
    figure=noise_figure,
    table=noise_table,
    sentence=_noise_sentence,
)
