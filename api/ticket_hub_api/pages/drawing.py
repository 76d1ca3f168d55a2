"""Small drawings that pages hold themselves, as SVG with a size: nothing moves when they come."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ticket_hub_api.catalog.leaderboard import LeaderboardItem

__all__ = ["Dot", "ParetoFigure", "pareto_figure", "scale", "sparkline", "ticks"]

SPARK_WIDTH, SPARK_HEIGHT, SPARK_EDGE = 96, 24, 3
WIDTH, HEIGHT = 720, 280
LEFT, RIGHT, TOP, BOTTOM = 80, 24, 16, 44
TICKS = 5
MIN_POINTS = 2


@dataclass(frozen=True, kw_only=True)
class Dot:
    """An entry in the figure: its place, its kind as a class of the style sheet, its words."""

    x: float
    y: float
    kind: str
    ticket: str
    text: str


@dataclass(frozen=True, kw_only=True)
class ParetoFigure:
    """Metric against density, in the units of the SVG.

    Attributes:
        dots: the entries.
        path: of the front, empty where there are not two on it.
        across, up: places and texts of ticks.
        about: the whole in words, for those who do not see it.
    """

    dots: tuple[Dot, ...]
    path: str
    across: tuple[tuple[float, str], ...]
    up: tuple[tuple[float, str], ...]
    about: str
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


def sparkline(ladder: Sequence[tuple[float, float]], *, lower_is_better: bool) -> str:
    """The points of a ladder, `x,y x,y`, dense at the left and better above; empty without two.

    Args:
        ladder: density and mean of each level.
    """
    if len(ladder) < MIN_POINTS:
        return ""
    across = scale(
        [-math.log(density) for density, _ in ladder], SPARK_EDGE, SPARK_WIDTH - SPARK_EDGE
    )
    turned = [(-value if lower_is_better else value) for _, value in ladder]
    up = scale(turned, SPARK_HEIGHT - SPARK_EDGE, SPARK_EDGE)
    return " ".join(
        f"{across(-math.log(density)):.1f},{up(value):.1f}"
        for (density, _), value in zip(ladder, turned, strict=True)
    )


def pareto_figure(
    items: Sequence[LeaderboardItem], text: Callable[[LeaderboardItem], str]
) -> ParetoFigure | None:
    """The entries of a leaderboard that were trained, and the front; None where there are not two.

    Args:
        text: what an entry came to, for people.
    """
    items = [each for each in items if each.trained]
    if len(items) < MIN_POINTS:
        return None
    accuracy = items[0].metric == "accuracy"
    across = scale([-math.log(each.density) for each in items], LEFT + 12, WIDTH - RIGHT - 12)
    up = scale([each.value for each in items], HEIGHT - BOTTOM - 12, TOP + 12)
    dots = [
        Dot(
            x=round(across(-math.log(each.density)), 1),
            y=round(up(each.value), 1),
            kind="front" if each.front else "tested" if each.controls else "alone",
            ticket=each.ticket,
            text=f"{each.ticket}, {100 * each.density:.3g}% of the weights: {text(each)}",
        )
        for each in items
    ]
    front = sorted((dot for dot in dots if dot.kind == "front"), key=lambda dot: dot.x)
    values = ticks([each.value for each in items])
    unit = 100 if accuracy else 1
    return ParetoFigure(
        # SVG draws what comes later on top: entries with controls are not hidden by others.
        dots=tuple(sorted(dots, key=lambda dot: dot.kind != "alone")),
        path=" ".join(f"{dot.x},{dot.y}" for dot in front) if len(front) >= MIN_POINTS else "",
        across=tuple(
            (round(across(-math.log(density)), 1), f"{100 * density:.3g}%")
            for density in _densities([each.density for each in items])
        ),
        up=tuple((round(up(value), 1), f"{unit * value:.4g}") for value in values),
        about=(
            f"{items[0].metric} of {len(items)} entries against the weights that are left; "
            f"{len(front)} of those with controls are on the front. The table has the numbers."
        ),
    )


def scale(values: Sequence[float], first: float, last: float) -> Callable[[float], float]:
    """Values onto places, the least at the first; all in the middle where they are equal."""
    low, high = min(values), max(values)
    if high == low:
        return lambda _: (first + last) / 2
    return lambda value: first + (value - low) / (high - low) * (last - first)


def ticks(values: Sequence[float]) -> list[float]:
    """Round values between the least and the greatest, a few of them."""
    low, high = min(values), max(values)
    if high == low:
        return [low]
    step = 10 ** math.floor(math.log10((high - low) / TICKS))
    step *= next(each for each in (1, 2, 5, 10) if (high - low) / (each * step) <= TICKS)
    return [each * step for each in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _densities(values: Sequence[float]) -> list[float]:
    """Round densities between the densest and the sparsest, else these two."""
    low, high = min(values), max(values)
    every = (1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)
    found = [each for each in every if low <= each <= high]
    return found if len(found) >= MIN_POINTS else sorted({low, high}, reverse=True)
