"""Levels whose masks shrink while they train, up to the one that would lose a layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ticket_hub.errors import LayerCollapseError
from ticket_hub.runs.level import Ending
from ticket_hub.training import Member, Trained

__all__ = ["REMEDY", "collapse_ending", "train_to_collapse"]

REMEDY = "Raise the density, or choose another criterion or scope."


def collapse_ending(error: LayerCollapseError) -> Ending:
    """How the level before one that would lose a layer ends."""
    return Ending(reason="collapse", about=error.problem, layer=error.layer)


def train_to_collapse(
    levels: Mapping[int, list[Member]],
    train: Callable[[Mapping[int, list[Member]]], Sequence[Trained]],
) -> tuple[dict[int, list[Member]], Sequence[Trained], dict[int, Ending]]:
    """Train levels together, without those from one on that would lose a layer in their training.

    The others go on from the states that are kept when that is seen.

    Returns:
        The levels that are left, their trained members in order, and by the index of the first
        that is not left why the search ends before it.

    Raises:
        LayerCollapseError: it is so in the first of the levels.
    """
    left, ending = dict(levels), dict[int, Ending]()
    while True:
        try:
            return left, train(left), ending
        except LayerCollapseError as error:
            if error.level is None or error.level <= min(left):
                raise
            left = {level: members for level, members in left.items() if level < error.level}
            ending = {error.level: collapse_ending(error)}
