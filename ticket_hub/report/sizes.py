"""How large figures are, before they are drawn, lest pages jump. It imports nothing slow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

__all__ = ["MAX_LEVELS", "PER_INCH", "forest_size", "some"]

T = TypeVar("T")
MAX_LEVELS = 8
"""Of a forest."""
PER_INCH = 96
"""Pixels of a page."""
_NOTE = 260  # letters that stand below a forest, at most but for rare ones


def some(items: Sequence[T], most: int) -> list[T]:
    """At most so many, evenly spread, the first and the last among them."""
    if len(items) <= most:
        return list(items)
    places = sorted({round(i * (len(items) - 1) / (most - 1)) for i in range(most)})
    return [items[place] for place in places]


def forest_size(rows: int, width: float) -> tuple[float, float]:
    """Width and height of a forest, in inches."""
    return width, 1.5 + 0.3 * rows + 0.16 * (_NOTE // int(width * 13))
