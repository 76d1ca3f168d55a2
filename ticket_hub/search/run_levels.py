"""The levels of a run on disk, read one at a time, for a search that does not train them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, lru_cache
from pathlib import Path

import torch
from torch import Tensor

from ticket_hub.errors import LayerCollapseError, RunError
from ticket_hub.recipe import PartialRecipe, Recipe
from ticket_hub.runs.folder import RunFolder
from ticket_hub.runs.level import Level
from ticket_hub.search.collapse import REMEDY
from ticket_hub.search.ladder import Ladder
from ticket_hub.types import Weights

__all__ = ["RunLevels", "rounds", "same_tensors"]


def rounds(recipe: Recipe | PartialRecipe) -> Ladder:
    """The ladder without layers: its seeds, and which level comes from which."""
    assert recipe.pruning is not None
    assert recipe.search is not None
    return Ladder(pruning=recipe.pruning, search=recipe.search, layers=())


class RunLevels:
    """One run, some of the trials of which are wanted.

    Raises:
        RunError: there is no run.
    """

    def __init__(self, path: Path) -> None:
        self.folder = RunFolder(path)
        header = self.folder.read_header()
        if header is None:
            raise RunError(f"{path} is no run.", "Make this part of the search again.")
        self.header = header
        self.ladder = rounds(header.recipe)
        self.read = lru_cache(maxsize=1)(self._read)

    @cached_property
    def theta0(self) -> list[Weights]:
        """By trial.

        Raises:
            RunError: the run is not finished.
        """
        found = self.folder.read_theta0()
        if found is None:
            raise RunError(f"{self.folder.path} is not finished.", "Let it go on to its end.")
        return found

    def _read(self, index: int) -> Level:
        if not self.folder.has_level(index):
            self._refuse_collapsed(index)
            raise RunError(f"{self.folder.path} has no level {index}.", "Let it go on to its end.")
        return self.folder.read_level(index, self.ladder.parent(index), self.theta0)

    def _refuse_collapsed(self, index: int) -> None:
        """Say so where a mask of the run lost a layer in training: the whole search ends there."""
        last = max((each for each in range(index) if self.folder.has_level(each)), default=None)
        if last is None:
            return
        ending = self.folder.read_level(last, self.ladder.parent(last), self.theta0).ending
        if ending is not None and ending.reason == "collapse":
            raise LayerCollapseError(ending.about, REMEDY, ending.layer, last + 1)


def same_tensors(some: Mapping[str, Tensor], others: Mapping[str, Tensor] | None) -> bool:
    """Whether both have the same names, shapes and values."""
    return (
        others is not None
        and some.keys() == others.keys()
        and all(torch.equal(value, others[name]) for name, value in some.items())
    )
