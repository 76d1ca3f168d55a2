"""The numbers of an experiment as rows, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence

from ticket_hub.evidence.rows import EvidenceRow, interval_text, level_rows, rows_table
from ticket_hub.recipe.own import ACCURACY, Metric
from ticket_hub.table import Table
from ticket_hub.transfer.level_evidence import LevelEvidence, outcome_of

__all__ = ["EvidenceRow", "csv_text", "interval_text", "markdown", "rows", "shown_rows"]


def rows(levels: Sequence[LevelEvidence]) -> list[EvidenceRow]:
    """For each level the ticket and then its controls."""
    return [
        row
        for level in levels
        for row in level_rows(
            level.level,
            {name: outcome_of(results) for name, results in level.results.items()},
            {
                name: sum(each.density for each in results) / len(results)
                for name, results in level.results.items()
            },
            level.verdict,
        )
    ]


def markdown(
    levels: Sequence[LevelEvidence], notes: Sequence[str] = (), metric: Metric = ACCURACY
) -> str:
    """The rows as a Markdown table, intervals in parentheses, then each verdict's reason.

    Args:
        notes: sentences that follow.
        metric: what was measured.
    """
    reasons = [f"Level {level.level}: {level.verdict.reason}" for level in levels]
    shown = shown_rows(levels, metric)
    return "\n".join([shown.markdown(), "", *reasons, *notes]) + "\n"


def shown_rows(levels: Sequence[LevelEvidence], metric: Metric) -> Table:
    """The rows for people."""
    stops_early = any(
        each.curves.stops_early
        for level in levels
        for results in level.results.values()
        for each in results
    )
    return rows_table(rows(levels), metric, stops_early=stops_early)


def csv_text(levels: Sequence[LevelEvidence]) -> str:
    """The rows as CSV with a heading, numbers in full; unknown bounds are `inf`."""
    return Table.of_fields(EvidenceRow, rows(levels)).csv()
