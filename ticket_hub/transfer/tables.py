"""The numbers of an experiment as rows, for people and for programs."""

from __future__ import annotations

import csv
import dataclasses
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

from ticket_hub.evidence.verdict import REFERENCES
from ticket_hub.transfer.evidence import LevelEvidence, mean_of

__all__ = ["HEADINGS", "Row", "cells", "csv_text", "interval_text", "markdown", "rows"]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One kind of network at one level; intervals are 95%.

    Attributes:
        level: of the ticket.
        network: `ticket`, or a control.
        density: kept weights over prunable weights.
        n: number of trials.
        accuracy, accuracy_low, accuracy_high: test accuracy at the early stop, in [0, 1].
        early_stop: mean iteration.
        gain, gain_low, gain_high: accuracy of the ticket minus this control's, paired.
        sooner: early stop of this control over the ticket's, geometric mean of pairs.
        p: that the ticket is better (not inferior, for dense, finetune and own), adjusted by Holm.
        verdict: on the ticket, in its own row; for a control whether its claim holds.
    """

    level: int
    network: str
    density: float
    n: int
    accuracy: float
    accuracy_low: float | None
    accuracy_high: float | None
    early_stop: float
    gain: float | None = None
    gain_low: float | None = None
    gain_high: float | None = None
    sooner: float | None = None
    p: float | None = None
    verdict: str = ""


def rows(levels: Sequence[LevelEvidence]) -> list[Row]:
    """For each level the ticket and then its controls."""
    return [_row(level, name) for level in levels for name in level.results]


def _row(level: LevelEvidence, name: str) -> Row:
    results = level.results[name]
    accuracy = mean_of([each.accuracy for each in results])
    row = Row(
        level=level.level,
        network=name,
        density=sum(each.density for each in results) / len(results),
        n=accuracy.n,
        accuracy=accuracy.mean,
        accuracy_low=accuracy.low,
        accuracy_high=accuracy.high,
        early_stop=sum(each.early_stop for each in results) / len(results),
        verdict=level.verdict.word or "none",
    )
    found = level.comparison(name)
    if found is None:
        return row
    return dataclasses.replace(
        row,
        gain=found.difference.mean,
        gain_low=found.difference.low,
        gain_high=found.difference.high,
        sooner=found.speed.mean,
        p=found.p,
        verdict=_claim(name, holds=found.holds),
    )


def _claim(control: str, *, holds: bool) -> str:
    if control in REFERENCES:
        return "not inferior" if holds else "not shown"
    return "beaten" if holds else "not shown"


HEADINGS = (
    "level",
    "network",
    "weights left (%)",
    "n",
    "test accuracy (%)",
    "early stop",
    "ticket minus it (points)",
    "ticket sooner by",
    "verdict",
)


def markdown(levels: Sequence[LevelEvidence]) -> str:
    """The rows as a Markdown table, 95% intervals in parentheses, then each verdict's reason."""
    lines = [
        "| " + " | ".join(HEADINGS) + " |",
        "|---:|---|" + "---:|" * (len(HEADINGS) - 3) + "---|",
    ]
    lines += ["| " + " | ".join(cells(row)) + " |" for row in rows(levels)]
    reasons = [f"Level {level.level}: {level.verdict.reason}" for level in levels]
    return "\n".join([*lines, "", *reasons]) + "\n"


def cells(row: Row) -> list[str]:
    """A row as texts under `HEADINGS`, 95% intervals in parentheses."""
    return [
        str(row.level),
        row.network,
        f"{100 * row.density:.2f}",
        str(row.n),
        interval_text(row.accuracy, row.accuracy_low, row.accuracy_high, ".2f"),
        f"{row.early_stop:,.0f}",
        interval_text(row.gain, row.gain_low, row.gain_high, "+.2f"),
        "" if row.sooner is None else f"{row.sooner:.2f}x",
        row.verdict,
    ]


def interval_text(mean: float | None, low: float | None, high: float | None, form: str) -> str:
    """A mean in per cent or points, and its bounds in parentheses where they are known.

    Args:
        form: of each number, such as `+.2f`.
    """
    if mean is None:
        return ""
    text = f"{100 * mean:{form}}"
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return text
    return f"{text} ({100 * low:{form}} to {100 * high:{form}})"


def csv_text(levels: Sequence[LevelEvidence]) -> str:
    """The rows as CSV with a heading, numbers in full; unknown bounds are `inf`."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(field.name for field in dataclasses.fields(Row))
    writer.writerows(dataclasses.astuple(row) for row in rows(levels))
    return stream.getvalue()
