"""The ladder of a bundle as a table of numbers."""

from __future__ import annotations

from collections.abc import Iterable

from ticket_hub.bundle.manifest_records import LevelRecord
from ticket_hub.recipe.own import ACCURACY, Metric
from ticket_hub.table import Column, Table

__all__ = ["ladder_table"]


def ladder_table(levels: Iterable[LevelRecord], metric: Metric = ACCURACY) -> Table:
    """A row for each level: density, the mean on the test part, early stop, n, verdict."""
    columns = (
        Column("level", right=True),
        Column("density", show=".2%", right=True),
        Column("test", f"test {metric.name}", metric.text, right=True),
        Column("early_stop", "early stop", ",.0f", right=True),
        Column("n", right=True),
        Column("verdict"),
    )
    return Table(columns, [_row(level) for level in levels])


def _row(level: LevelRecord) -> list[float | str | None]:
    found = level.evidence
    if found is None:
        return [level.index, level.density, None, None, None, level.verdict]
    test, stop = found.test_accuracy.mean, found.early_stop.mean
    return [level.index, level.density, test, stop, found.n, level.verdict]
