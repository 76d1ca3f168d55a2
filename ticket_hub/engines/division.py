"""How a search is divided: consecutive trials, as many parts as there are slots.

Trials never influence each other, so that each part can be a run of its own. Not divided are

- a search of one trial, or on an engine with one slot;
- a search with `search.stop_below_dense`: whether it goes on depends on all trials of a level;
- a run that was begun in one process: it goes on where it is, as one work.

The division is kept on disk, so that the same command goes on with the same parts on an engine
with another number of slots. A retraining is never divided: its networks share their data, and
are fastest as one population.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ticket_hub.durable import write_json
from ticket_hub.recipe import Recipe
from ticket_hub.runs.file_names import RUN

__all__ = ["TrialRange", "divide"]

FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class TrialRange:
    """Some trials of a search.

    Attributes:
        first: the first of them.
        count: how many.
        is_whole: whether they are all.
    """

    first: int
    count: int
    is_whole: bool

    @property
    def name(self) -> str:
        """Of its work's folder."""
        return f"trials-{self.first}-{self.first + self.count - 1}"

    @property
    def about(self) -> str:
        """Its name for people."""
        last = self.first + self.count - 1
        return f"trial {self.first}:" if self.count == 1 else f"trials {self.first} to {last}:"


def divide(recipe: Recipe, run: Path, root: Path, slots: int) -> list[TrialRange]:
    """The parts of a search, as they were made before or as the slots allow.

    Args:
        run: the folder of the whole run.
        root: of its works; the division is kept in it.
        slots: how many parts can be made at once.
    """
    trials, note = recipe.search.trials, root / "division.json"
    bounds = _known(note, recipe)
    if bounds is None:
        alone = recipe.search.stop_below_dense is not None or (run / RUN).exists()
        parts = 1 if alone else max(1, min(slots, trials))
        bounds = [trials * part // parts for part in range(parts + 1)]
        write_json(note, {"format": FORMAT, "digest": recipe.digest, "bounds": bounds})
    return [
        TrialRange(first=first, count=end - first, is_whole=len(bounds) == 2)  # noqa: PLR2004 - both ends
        for first, end in itertools.pairwise(bounds)
    ]


def _known(note: Path, recipe: Recipe) -> Sequence[int] | None:
    try:
        table = json.loads(note.read_bytes())
        known = table["format"] == FORMAT and table["digest"] == recipe.digest
        return [int(bound) for bound in table["bounds"]] if known else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
