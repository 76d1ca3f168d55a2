"""How tickets stand noise on theta0."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ticket_hub.analysis.folder import Finding
from ticket_hub.analysis.marks import bars_of, count_trials, level_name, mark_of, span
from ticket_hub.analysis.noise.compute import Noise, NoiseLevel
from ticket_hub.analysis.panels import panels
from ticket_hub.report.style import drawing, legend_below, look
from ticket_hub.table import Column, Table

__all__ = ["CAPTION", "describe", "draw", "tabulate"]

CAPTION = (
    "Gaussian noise is added to theta0, its standard deviation a multiple of that of the "
    "layer's initialization; then the ticket is trained with the same budget and the same data "
    "order within a trial. Iterations are chosen on the validation set alone. Intervals are "
    "Student-t over three trials or more."
)


def draw(findings: Sequence[Finding]) -> Figure:
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
            f"{bars_of(results[0].reinit.accuracy)}; "
            "level lines: the same masks with fresh values (reinit)",
        )
    return figure


Mark: TypeAlias = tuple[float, list[list[float]]]


def _accuracy(level: NoiseLevel) -> Mark:
    return mark_of(level.accuracy, level.outcomes.accuracies, 100.0)


def _early_stop(level: NoiseLevel) -> Mark:
    return mark_of(level.early_stop, level.outcomes.early_stops, 1.0)


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


def tabulate(findings: Sequence[Finding]) -> Table:
    """One row for each level and amount of noise."""
    rows: list[tuple[Any, ...]] = []
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
        columns=[
            Column("level", show="d"),
            Column("start"),
            Column("n", show="d"),
            Column("test accuracy (%)", show=".2f"),
            Column("from (95%)", show=".2f"),
            Column("to (95%)", show=".2f"),
            Column("early stop", show=",.0f"),
            Column("against no noise (points)", show="+.2f"),
            Column("from (95%)", show="+.2f"),
            Column("to (95%)", show="+.2f"),
        ],
        rows=rows,
    )


def describe(result: Noise) -> str:
    """What was found at one level, in one sentence."""
    still, most = result.levels[0], result.levels[-1]
    return (
        f"test accuracy {span(still.accuracy)}% without noise, {span(most.accuracy)}% with "
        f"{most.name}, {span(result.reinit.accuracy)}% with fresh values "
        f"({count_trials(still.accuracy.n)}, {result.iterations:,} iterations)"
    )
