"""Linear mode connectivity: the line between two ends, and its barrier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ticket_hub.analysis.folder import Finding
from ticket_hub.analysis.interpolation.line import Interpolation, by_trial
from ticket_hub.analysis.marks import bars_of, count_trials, level_name, mark_of, span
from ticket_hub.analysis.panels import panels
from ticket_hub.report.style import drawing, legend_below, look
from ticket_hub.table import Column, Table

__all__ = ["CAPTION", "describe", "draw", "tabulate"]

CAPTION = (
    "Each start is trained in two data orders or more; the line between two ends is read "
    "on the test set, at places of an even grid. The error barrier is the highest error on it "
    "minus the mean of the ends; a start is called stable below 2 points. Intervals are "
    "Student-t over three trials or more, each with the mean of its pairs."
)


def draw(findings: Sequence[Finding]) -> Figure:
    """Test error along the line, and the error barrier by density."""
    results: list[Interpolation] = [finding.result for finding in findings]
    with drawing():
        figure, (line, bars) = panels(2, columns=2, height=2.9)
        first = -int(findings[0].level == 0)  # dense has a look of its own
        for position, finding in enumerate(findings, start=first):
            _error_line(line, finding, position)
            result: Interpolation = finding.result
            style = look("dense" if not finding.level else "", position)
            barriers = by_trial(result.lines, "error_barrier")
            mean, arms = mark_of(result.error_barrier, barriers, 100.0)
            bars.errorbar(
                position,
                mean,
                yerr=arms,
                color=style.color,
                marker=style.marker or "D",
                markersize=5,
                capsize=3,
            )
        line.set_xlabel("place between the two ends")
        line.set_ylabel("test error (%)")
        bars.axhline(100 * results[0].threshold, color=look("dense", 0).color, lw=0.8, ls="--")
        bars.set_xticks(
            range(first, first + len(findings)),
            [f"{100 * each.density:.3g}" if each.level else "100\n(dense)" for each in findings],
        )
        bars.set_xlim(first - 0.6, first + len(findings) - 0.4)
        top = max(bars.get_ylim()[1], 110 * results[0].threshold)
        bars.set_ylim(-0.04 * top, top)
        bars.set_xlabel("weights remaining (%)")
        bars.set_ylabel("error barrier (points)")
        legend_below(
            figure,
            line,
            f"mean of {_counted(results[0])} at {len(results[0].points)} places; "
            f"left, shade: least to greatest {'trial' if results[0].pairs == 1 else 'pair'}; "
            f"right, bars: {bars_of(results[0].error_barrier)}; "
            f"dashed: {100 * results[0].threshold:g} points, below which a start is called stable"
            + _statistics(results[0]),
        )
    return figure


def _counted(result: Interpolation) -> str:
    trials = count_trials(result.error_barrier.n)
    return trials if result.pairs == 1 else f"{trials}, {result.pairs} pairs of orders each,"


def _statistics(result: Interpolation) -> str:
    if not result.statistics_examples:
        return ""
    return (
        f"; statistics of norms estimated anew from {result.statistics_examples:,} training "
        "examples at every place"
    )


def _error_line(panel: Axes, finding: Finding, position: int) -> None:
    result: Interpolation = finding.result
    style = look("dense" if not finding.level else "", position)
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


def tabulate(findings: Sequence[Finding]) -> Table:
    """One row for each level."""
    rows: list[tuple[Any, ...]] = []
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
        columns=[
            Column("level", show="d"),
            Column("weights left (%)", show=".2f"),
            Column("n", show="d"),
            Column("error of the ends (%)", show=".2f"),
            Column("highest error (%)", show=".2f"),
            Column("error barrier (points)", show=".2f"),
            Column("from (95%)", show=".2f"),
            Column("to (95%)", show=".2f"),
            Column("loss barrier (nats)", show=".4f"),
            Column("start"),
        ],
        rows=rows,
    )


def describe(result: Interpolation) -> str:
    """What was found at one level, in one sentence."""
    return (
        f"error barrier {span(result.error_barrier)} points between two data orders from "
        f"iteration {result.start:,} to {result.iterations:,} "
        f"({_counted(result).rstrip(',')}): {result.state} at "
        f"{100 * result.threshold:g} points, judged at this level alone" + _statistics(result)
    )
