"""The numbers of an experiment as rows, for people and for programs."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Sequence

from ticket_hub.evidence.rows import HEADINGS, Row, cells, interval_text, level_rows
from ticket_hub.transfer.evidence import LevelEvidence, outcome_of

__all__ = ["HEADINGS", "Row", "cells", "csv_text", "interval_text", "markdown", "rows"]


def rows(levels: Sequence[LevelEvidence]) -> list[Row]:
    """For each level the ticket and then its controls."""
    return [row for level in levels for row in _rows(level)]


def _rows(level: LevelEvidence) -> list[Row]:
    return level_rows(
        level.level,
        {name: outcome_of(results) for name, results in level.results.items()},
        {
            name: sum(each.density for each in results) / len(results)
            for name, results in level.results.items()
        },
        level.verdict,
    )


def markdown(levels: Sequence[LevelEvidence], notes: Sequence[str] = ()) -> str:
    """The rows as a Markdown table, intervals in parentheses, then each verdict's reason.

    Args:
        notes: sentences that follow.
    """
    lines = [
        "| " + " | ".join(HEADINGS) + " |",
        "|---:|---|" + "---:|" * (len(HEADINGS) - 3) + "---|",
    ]
    lines += ["| " + " | ".join(cells(row)) + " |" for row in rows(levels)]
    reasons = [f"Level {level.level}: {level.verdict.reason}" for level in levels]
    return "\n".join([*lines, "", *reasons, *notes]) + "\n"


def csv_text(levels: Sequence[LevelEvidence]) -> str:
    """The rows as CSV with a heading, numbers in full; unknown bounds are `inf`."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(field.name for field in dataclasses.fields(Row))
    writer.writerows(dataclasses.astuple(row) for row in rows(levels))
    return stream.getvalue()
