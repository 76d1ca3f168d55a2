"""Reports of experiments: tickets, controls and dense networks against density."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ticket_hub.report.ladder import Bars, Ladder, Rung, Series
from ticket_hub.report.write import Form, Subject, write_report
from ticket_hub.transfer.evidence import LevelEvidence
from ticket_hub.transfer.spec import DENSE, TICKET

__all__ = ["report_experiment"]


def report_experiment(
    levels: Sequence[LevelEvidence],
    folder: Path,
    forms: Sequence[Form] = ("png",),
    *,
    title: str = "",
    bars: Bars = "interval",
) -> list[Path]:
    """Draw an experiment's evidence into a folder, and name the files.

    Args:
        levels: at least one; see `ticket_hub.transfer.judge_levels`.
        forms: see `ticket_hub.report.write.write_report`.
        title: above the figures.
        bars: 95% Student-t intervals, or from the least to the greatest trial.

    Raises:
        StorageError: a file cannot be written.
    """
    names = dict.fromkeys(name for level in levels for name in level.results)
    dense = next((_rung(level, DENSE) for level in levels if DENSE in level.results), None)
    ladder = Ladder(
        title=title,
        series=tuple(_series(levels, name) for name in names if name != DENSE),
        dense=dense,
    )
    notes = [f"Level {level.level}: {level.verdict.reason}" for level in levels]
    return write_report(Subject(ladder=ladder, notes=notes), folder, forms, bars=bars)


def _series(levels: Sequence[LevelEvidence], name: str) -> Series:
    rungs = tuple(_rung(level, name) for level in levels if name in level.results)
    return Series(name=name, rungs=rungs)


def _rung(level: LevelEvidence, name: str) -> Rung:
    results = level.results[name]
    return Rung(
        level=0 if name == DENSE else level.level,
        density=sum(each.density for each in results) / len(results),
        curves=tuple(each.curves for each in results),
        verdict=(level.verdict.word or "") if name == TICKET else "",
    )
