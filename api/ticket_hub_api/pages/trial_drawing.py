"""Drawings of single trials: where each came to, how it learned, and what trains just now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from ticket_hub.recipe.own import Metric
from ticket_hub_api.pages.drawing import scale, ticks

__all__ = [
    "CurvesFigure",
    "LearningFigure",
    "TrialsFigure",
    "curves_figure",
    "learning_figure",
    "trials_figure",
]

WIDTH, HEIGHT, ROW = 720, 240, 28
LEFT, RIGHT, TOP, BOTTOM = 190, 24, 12, 40
MIN_POINTS = 2
LEFT_OF_CURVES = 76  # their legend stands below
LOOKS = 6
Ticks = tuple[tuple[float, str], ...]
Points: TypeAlias = Sequence[tuple[int, float]]


@dataclass(frozen=True, kw_only=True)
class TrialsFigure:
    """A row for each network, a dot for each trial, in the units of the SVG.

    Attributes:
        rows: name, height, places of its trials, and of their mean.
        across: places and texts of ticks.
        about: the whole in words, for those who do not see it.
    """

    rows: tuple[tuple[str, float, tuple[float, ...], float], ...]
    across: Ticks
    about: str
    height: int
    width: int = WIDTH
    left: int = LEFT
    right: int = WIDTH - RIGHT

    @property
    def bottom(self) -> int:
        """Where the axis is."""
        return self.height - BOTTOM


@dataclass(frozen=True, kw_only=True)
class CurvesFigure:
    """Validation accuracy against the iteration, a line for each network that trains.

    Attributes:
        lines: name and points, `x,y x,y`.
        across, up: places and texts of ticks.
        about: the whole in words, for those who do not see it.
    """

    lines: tuple[tuple[str, str], ...]
    across: Ticks
    up: Ticks
    about: str
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


@dataclass(frozen=True, kw_only=True)
class LearningFigure(CurvesFigure):
    """Accuracy against the iteration: `lines` has one for each trial, and each network a mean.

    Attributes:
        means: by network, `x,y x,y`.
        looks: by network, the number of its class in the style sheet.
        floor: the value below which nothing is drawn; empty where all is.
    """

    means: Mapping[str, str]
    looks: Mapping[str, int]
    floor: str
    left: int = LEFT_OF_CURVES
    height: int = HEIGHT + 8  # for the name of the axis, which phones show larger


def trials_figure(trials: Mapping[str, Sequence[float]], metric: Metric) -> TrialsFigure | None:
    """What the trials of each network came to; None without any.

    Args:
        trials: name of the network -> values of its trials; the ticket comes first.
    """
    values = [value for each in trials.values() for value in each]
    if not values:
        return None
    across = scale(values, LEFT + 12, WIDTH - RIGHT - 12)
    names = sorted(trials, key=lambda name: (name != "ticket", name))
    rows = tuple(
        (
            name,
            TOP + ROW * (place + 0.5),
            tuple(round(across(value), 1) for value in trials[name]),
            round(across(sum(trials[name]) / len(trials[name])), 1),
        )
        for place, name in enumerate(names)
        if trials[name]
    )
    return TrialsFigure(
        rows=rows,
        across=tuple((round(across(each), 1), metric.number(each)) for each in ticks(values)),
        about=f"{metric.label} of every trial of {', '.join(names)}; the table has the numbers.",
        height=TOP + ROW * len(names) + BOTTOM,
    )


def curves_figure(
    curves: Mapping[str, Sequence[tuple[int, float]]],
) -> CurvesFigure | None:
    """Curves of networks that train; None where none has two readings.

    Args:
        curves: name of the network -> iteration and accuracy in [0, 1] of each reading.
    """
    drawn = {name: points for name, points in curves.items() if len(points) >= MIN_POINTS}
    if not drawn:
        return None
    iterations = [float(x) for points in drawn.values() for x, _ in points]
    values = [y for points in drawn.values() for _, y in points]
    across = scale(iterations, LEFT + 12, WIDTH - RIGHT - 12)
    up = scale(values, HEIGHT - BOTTOM - 12, TOP + 12)
    return CurvesFigure(
        lines=tuple(
            (name, " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in points))
            for name, points in drawn.items()
        ),
        across=tuple((round(across(each), 1), f"{each:.0f}") for each in ticks(iterations)),
        up=tuple((round(up(each), 1), f"{100 * each:.4g}%") for each in ticks(values)),
        about=f"Validation accuracy of {len(drawn)} networks that train, by iteration.",
    )


def learning_figure(
    curves: Mapping[str, Sequence[Mapping[str, Any]]], column: str, metric: Metric
) -> LearningFigure | None:
    """How the networks of an experiment learned; None where none has two readings.

    Values that only the first tenth of the iterations had are cut off below: what comes later
    would not be told apart.

    Args:
        curves: name of the network -> the curve of each trial; see
            `ticket_hub.bundle.experiment_record.TrialCurve`.
        column: of the curves.
    """
    read = {name: [_points(each, column) for each in some] for name, some in curves.items()}
    read = {name: some for name, some in read.items() if min(map(len, some)) >= MIN_POINTS}
    if not read:
        return None
    every = [point for some in read.values() for points in some for point in points]
    last = max(x for x, _ in every)
    values = [y for x, y in every if 10 * x >= last]
    least = min(values) if not metric.lower_is_better else min(y for _, y in every)
    most = max(values) if metric.lower_is_better else max(y for _, y in every)
    across = scale([0.0, last], LEFT_OF_CURVES + 12, WIDTH - RIGHT - 12)
    up = scale([least, most], HEIGHT - BOTTOM - 12, TOP + 12)

    def drawn(points: Points) -> str:
        """The points inside the figure, as an SVG polyline reads them."""
        seen = ((across(x), up(y)) for x, y in points if least <= y <= most)
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in seen)

    names = sorted(read, key=lambda name: ({"ticket": 0, "dense": 1}.get(name, 2), name))
    cut = [y for _, y in every if not least <= y <= most]
    return LearningFigure(
        lines=tuple((name, drawn(points)) for name in names for points in read[name]),
        means={name: drawn(_mean(read[name])) for name in names},
        looks={name: place % LOOKS for place, name in enumerate(names)},
        across=tuple((round(across(each), 1), f"{each:,.0f}") for each in ticks([0.0, last])),
        up=tuple((round(up(each), 1), metric.number(each)) for each in ticks([least, most])),
        floor=metric.number(most if metric.lower_is_better else least) if cut else "",
        about=f"{metric.label} by iteration of {', '.join(names)}, each trial and the mean.",
    )


def _points(curve: Mapping[str, Any], column: str) -> Points:
    pairs = zip(curve["iterations"], curve[column], strict=True)
    return [(x, y) for x, y in pairs if y is not None]


def _mean(trials: Sequence[Points]) -> Points:
    """Over all trials, where each has a reading."""
    tables = [dict(points) for points in trials]
    common = sorted(set.intersection(*map(set, tables)))
    return [(x, sum(table[x] for table in tables) / len(tables)) for x in common]
