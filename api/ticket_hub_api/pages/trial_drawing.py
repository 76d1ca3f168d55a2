"""Drawings of single trials: where each came to, and how far those are that train just now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ticket_hub.recipe.own import Metric
from ticket_hub_api.pages.drawing import scale, ticks

__all__ = ["CurvesFigure", "TrialsFigure", "curves_figure", "trials_figure"]

WIDTH, HEIGHT, ROW = 720, 240, 28
LEFT, RIGHT, TOP, BOTTOM = 190, 24, 12, 40
MIN_POINTS = 2
Ticks = tuple[tuple[float, str], ...]


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
