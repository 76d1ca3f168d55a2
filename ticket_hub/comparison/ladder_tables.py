"""The numbers behind a figure, as rows for people and for programs."""

from __future__ import annotations

from dataclasses import dataclass

from ticket_hub.comparison.ladder import ErrorBar, Measured, MeasuredLadder, Series
from ticket_hub.evidence import count_text
from ticket_hub.recipe.own import Metric, read_at
from ticket_hub.table import Column, Table

__all__ = ["LadderRow", "ladder_csv", "ladder_rows", "ladder_table"]


@dataclass(frozen=True, kw_only=True)
class LadderRow:
    """One series at one level, summed up over its trials.

    Attributes:
        series: `ticket`, or a control.
        level: pruning rounds done.
        density: kept weights over prunable weights.
        n: number of trials.
        tickets: how many different tickets they are of; None where that is not known.
        test_accuracy, test_accuracy_low, test_accuracy_high: mean, least and greatest at the
            early stop, in [0, 1].
        against_dense: mean test accuracy minus the dense network's; None for that network
            itself, and without one.
        early_stop, early_stop_low, early_stop_high: iterations: mean, least and greatest.
        verdict: what the evidence supports, or empty.
        train_accuracy: mean at the early stop, of a sample of the training part; None where none
            was read.
    """

    series: str
    level: int
    density: float
    n: int
    test_accuracy: float
    test_accuracy_low: float
    test_accuracy_high: float
    against_dense: float | None
    early_stop: float
    early_stop_low: int
    early_stop_high: int
    verdict: str
    tickets: int | None = None
    train_accuracy: float | None = None

    @property
    def gap(self) -> float | None:
        """Training accuracy minus test accuracy, the generalization gap."""
        return None if self.train_accuracy is None else self.train_accuracy - self.test_accuracy


def ladder_rows(ladder: MeasuredLadder) -> list[LadderRow]:
    """One row for each series and level, in the order of the figure."""
    return [_row(series, rung, ladder.dense) for series in ladder.series for rung in series.rungs]


def _row(series: Series, rung: Measured, dense: Measured | None) -> LadderRow:
    reference = None
    if dense is not None and rung is not dense:
        reference = ErrorBar.of(dense.outcome.accuracy).mean
    accuracy, stop = ErrorBar.of(rung.outcome.accuracy), ErrorBar.of(rung.outcome.early_stop)
    train = rung.train_accuracies
    return LadderRow(
        series=series.name,
        level=rung.level,
        density=rung.density,
        n=accuracy.n,
        test_accuracy=accuracy.mean,
        test_accuracy_low=accuracy.low,
        test_accuracy_high=accuracy.high,
        against_dense=None if reference is None else accuracy.mean - reference,
        early_stop=stop.mean,
        early_stop_low=int(stop.low),
        early_stop_high=int(stop.high),
        verdict=rung.verdict,
        tickets=rung.tickets,
        train_accuracy=ErrorBar.of(train).mean if train else None,
    )


def ladder_csv(ladder: MeasuredLadder) -> Table:
    """The rows for programs; training accuracy only where it was read."""
    table = Table.of_fields(LadderRow, ladder_rows(ladder))
    if any(row[-1] is not None for row in table.rows):
        return table
    return Table(table.columns[:-1], [row[:-1] for row in table.rows])


def ladder_table(ladder: MeasuredLadder) -> Table:
    """The rows for people: means, and from least to greatest in parentheses."""
    metric, rows = ladder.metric, ladder_rows(ladder)
    sampled = any(row.gap is not None for row in rows)
    stop = "early stop (iteration)" if ladder.stops_early else read_at(stops_early=False)
    unit = "points" if metric.is_accuracy else metric.unit
    return Table(
        (
            Column("series"),
            Column("level", right=True),
            Column("weights left (%)", right=True),
            Column("n", right=True),
            Column(metric.heading, right=True),
            Column(f"against dense ({unit})" if unit else "against dense", right=True),
            Column(stop, right=True),
            *[Column(f"training minus test ({unit})", right=True)] * sampled,
            Column("verdict", right=True),
        ),
        [_cells(row, metric, sampled=sampled) for row in rows],
    )


def _cells(row: LadderRow, metric: Metric, *, sampled: bool) -> list[str]:
    gap = "" if row.gap is None else metric.number(row.gap, signed=True)
    low, high = metric.number(row.test_accuracy_low), metric.number(row.test_accuracy_high)
    return [
        row.series,
        str(row.level),
        f"{100 * row.density:.2f}",
        count_text(row.n, row.tickets),
        f"{metric.number(row.test_accuracy)} ({low} to {high})",
        "" if row.against_dense is None else metric.number(row.against_dense, signed=True),
        f"{row.early_stop:,.0f} ({row.early_stop_low:,} to {row.early_stop_high:,})",
        *[gap] * sampled,
        row.verdict,
    ]
