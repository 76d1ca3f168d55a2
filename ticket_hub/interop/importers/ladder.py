"""Whether the levels that a source has are a ladder, and what is to be said of them."""

from __future__ import annotations

from collections.abc import Sequence

from ticket_hub.interop.importers.imported import ImportedTrial
from ticket_hub.interop.importers.refusals import refusal
from ticket_hub.types import Mask

__all__ = ["check_ladder", "level_notes", "shared_levels"]

_SHOWN = 5


def shared_levels(trials: Sequence[ImportedTrial]) -> set[int]:
    """The levels that all trials have; level 0 is dense, whether a mask says so or not."""
    return set.intersection(*(set(trial.masks) for trial in trials)) | {0}


def check_ladder(trials: Sequence[ImportedTrial]) -> None:
    """Refuse levels of which one keeps nothing, or keeps what the level before dropped.

    Raises:
        ImportRefusedError: which trial and level.
    """
    for number, trial in enumerate(trials):
        whose = f" of trial {number}" if len(trials) > 1 else ""
        before: tuple[int, Mask] | None = None
        for level, mask in sorted(trial.masks.items()):
            if not any(bool(keep.any()) for keep in mask.values()):
                raise refusal(
                    f"The mask of level {level}{whose} keeps no weight at all: all are 0.",
                    "A mask has 1 where a weight is kept and 0 where it is dropped; turn it "
                    "round if it says the opposite.",
                )
            if before is not None:
                _check_nested(mask, level, before, whose)
            before = level, mask


def _check_nested(mask: Mask, level: int, before: tuple[int, Mask], whose: str) -> None:
    last, outer = before
    back = {name: int((keep & ~outer[name]).sum()) for name, keep in mask.items()}
    if any(back.values()):
        layers = [name for name, count in back.items() if count]
        raise refusal(
            f"The mask of level {level}{whose} keeps {sum(back.values()):,} weights that level "
            f"{last} dropped, in {', '.join(layers[:_SHOWN])}.",
            "Give masks in the order of their levels, the densest first; masks that are not "
            "nested go into bundles of their own.",
        )


def level_notes(trials: Sequence[ImportedTrial]) -> list[str]:
    """What a reader must know of the levels, one sentence each."""
    shared, notes = shared_levels(trials), []
    partial = sorted({level for trial in trials for level in trial.masks} - shared)
    missing = sorted(set(range(max(shared))) - shared - set(partial))
    if partial:
        notes.append(f"Levels that not all trials have were left out: {_listed(partial)}.")
    if missing:
        notes.append(f"The source has no mask of the levels before its last: {_listed(missing)}.")
    for level in sorted(shared - {0}):
        masks = [trial.masks[level] for trial in trials]
        empty = sorted(
            {name for mask in masks for name, keep in mask.items() if not bool(keep.any())}
        )
        if empty:
            shown = ", ".join(empty[:_SHOWN]) + ", ..." * (len(empty) > _SHOWN)
            notes.append(f"Level {level} keeps no weight of {shown}: layer collapse.")
        if all(bool(keep.all()) for mask in masks for keep in mask.values()):
            notes.append(f"Level {level} drops no weight.")
    return notes


def _listed(levels: Sequence[int]) -> str:
    return ", ".join(map(str, levels))
