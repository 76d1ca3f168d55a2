"""Reports of experiments: tickets, controls and dense networks against density."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ticket_hub.durable import write_bytes
from ticket_hub.evidence.verdict import MARGIN, Comparison, Verdict
from ticket_hub.report.ladder import Bars, Ladder, Rung, Series
from ticket_hub.report.style import INK, drawing, look, png, svg
from ticket_hub.report.write import Form, Subject, write_report
from ticket_hub.transfer.evidence import LevelEvidence
from ticket_hub.transfer.spec import DENSE, TICKET

__all__ = ["Judged", "differences_figure", "report_experiment"]


@runtime_checkable
class Judged(Protocol):
    """A level that was judged."""

    @property
    def density(self) -> float:
        """Kept weights over prunable weights."""
        ...

    @property
    def verdict(self) -> Verdict:
        """What its evidence supports."""
        ...


def report_experiment(
    levels: Sequence[LevelEvidence],
    folder: Path,
    forms: Sequence[Form] = ("png",),
    *,
    title: str = "",
    bars: Bars = "interval",
) -> list[Path]:
    """Draw an experiment's evidence into a folder, and name the files.

    Beside the files of `write_report`, `png` and `svg` give `differences`.

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
    written = write_report(Subject(ladder=ladder, notes=notes), folder, forms, bars=bars)
    for form in forms:
        if form in {"png", "svg"}:
            figure = differences_figure(levels, title=title)
            place = folder / f"differences.{form}"
            write_bytes(place, png(figure) if form == "png" else svg(figure).encode())
            written.append(place)
    return written


def differences_figure(levels: Sequence[Judged], *, title: str = "", width: float = 7.0) -> Figure:
    """A forest plot: accuracy of the ticket minus each control's, with 95% intervals.

    Right of 0 the ticket is better. The dashed line is the margin of non-inferiority, which only
    the dense network is judged by. An interval that is not known is left out.

    Args:
        width: in inches.
    """
    found = [(level, each) for level in levels for each in level.verdict.comparisons]
    with drawing():
        figure = Figure(figsize=(width, 1.4 + 0.3 * len(found)), layout="constrained")
        panel = figure.subplots()
        panel.axvline(0, color=INK, linewidth=1.0)
        panel.axvline(-100 * MARGIN, color=INK, linewidth=0.8, linestyle="--")
        for place, (_, each) in enumerate(found):
            style = look(each.control, place)
            panel.errorbar(
                100 * each.difference.mean,
                place,
                xerr=_arms(each),
                color=style.color,
                marker=style.marker or "o",
                markersize=5,
                capsize=2,
                linestyle="none",
            )
        panel.set_yticks(range(len(found)), [_label(level, each) for level, each in found])
        panel.invert_yaxis()
        panel.xaxis.set_major_locator(MaxNLocator(nbins=9))
        panel.set_xlabel(
            f"test accuracy of the ticket minus the control's (points)\n"
            f"mean of n = {levels[0].verdict.n} pairs; bars: 95% interval; "
            f"dashed: margin of {100 * MARGIN:g} points"
        )
        figure.suptitle(title)
    return figure


def _arms(each: Comparison) -> list[list[float]]:
    difference = each.difference
    if not (math.isfinite(difference.low) and math.isfinite(difference.high)):
        return [[0.0], [0.0]]
    below, above = difference.mean - difference.low, difference.high - difference.mean
    return [[100 * below], [100 * above]]


def _label(level: Judged, each: Comparison) -> str:
    return f"{100 * level.density:.3g}% of weights, against {each.control}"


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
