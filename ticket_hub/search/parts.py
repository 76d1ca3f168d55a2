"""A search from parts: runs of some of its trials each, made before, stand in for training."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path

import torch

from ticket_hub.bundle.manifest import Reference
from ticket_hub.errors import RunError
from ticket_hub.recipe import PartialRecipe, Recipe
from ticket_hub.runs.folder import Header, RunFolder
from ticket_hub.runs.level import Level, Trial
from ticket_hub.runs.resources import Resources
from ticket_hub.search.ladder import Ladder
from ticket_hub.search.level_trainer import RecipeSupplier
from ticket_hub.training import Member, Trained
from ticket_hub.training.member import Keeper
from ticket_hub.types import Architecture, Mask, Weights

__all__ = ["Parts", "part_of"]


def part_of(recipe: Recipe, first: int, count: int) -> Recipe:
    """The recipe of trials `first` to `first + count - 1` alone."""
    seed = recipe.search.seed + first
    return recipe.replace({"search.trials": count, "search.seed": seed})


def _rounds(recipe: Recipe | PartialRecipe) -> Ladder:
    """The ladder without layers: its seeds, and which level comes from which."""
    assert recipe.pruning is not None
    assert recipe.search is not None
    return Ladder(pruning=recipe.pruning, search=recipe.search, layers=())


class _Part:
    """One finished run of some of the trials."""

    def __init__(self, path: Path) -> None:
        self.folder = RunFolder(path)
        header = self.folder.read_header()
        if header is None:
            raise RunError(f"{path} is no run.", "Make this part of the search again.")
        self.header = header
        self.ladder = _rounds(header.recipe)
        self.read = lru_cache(maxsize=1)(self._read)

    @cached_property
    def theta0(self) -> list[Weights]:
        """By trial.

        Raises:
            RunError: the part is not finished.
        """
        found = self.folder.read_theta0()
        if found is None:
            raise RunError(f"{self.folder.path} is not finished.", "Let it go on to its end.")
        return found

    def _read(self, index: int) -> Level:
        if not self.folder.has_level(index):
            raise RunError(f"{self.folder.path} has no level {index}.", "Let it go on to its end.")
        return self.folder.read_level(index, self.ladder.parent(index), self.theta0)


class Parts(RecipeSupplier):
    """Gives a session what parts have trained, each member checked to be the one asked for.

    Raises:
        RunError: a part is no run, or of another search.
    """

    def __init__(self, recipe: Recipe, resources: Resources, parts: Sequence[Path]) -> None:
        self.recipe, self.resources = recipe, resources
        self._parts = [_Part(path) for path in parts]
        self._places = {
            seed: (part, trial)
            for part in self._parts
            for trial, seed in enumerate(part.ladder.seeds)
        }
        for part in self._parts:
            self._check(part)

    @cached_property
    def environments(self) -> Sequence[dict[str, str]]:
        """Those that the parts were made in."""
        return [part.folder.read_environment()[0] for part in self._parts]

    @cached_property
    def is_exact(self) -> bool:
        """Whether every part is."""
        return all(part.folder.read_environment()[1] for part in self._parts)

    @property
    def data_fingerprint(self) -> str:
        """The sha256 over the data, the same in all parts."""
        fingerprint = self._parts[0].header.data.fingerprint
        assert fingerprint is not None  # a search knows its data
        return fingerprint

    def header(self) -> Header:
        """What the whole run is about."""
        return dataclasses.replace(self._parts[0].header, recipe=self.recipe)

    def initial(self, architecture: Architecture, seed: int) -> Weights:
        """The weights of one trial at iteration 0: its theta0, unless survivors rewind later."""
        part, trial = self._places[seed]
        if self.recipe.search.rewind_step:
            return self.start.weights(architecture, seed)
        return part.theta0[trial]

    def reference(self, architecture: Architecture) -> Reference | None:
        """What the parts refer to."""
        del architecture
        return self._parts[0].folder.read_reference()

    def train(
        self,
        architecture: Architecture,
        members: Sequence[Member],
        snapshots: Sequence[int],
        keeper: Keeper,
    ) -> list[Trained]:
        """What the parts have trained of a level.

        Raises:
            RunError: a part lacks it, or has trained something else.
        """
        del architecture, keeper
        return [self._trained(member, snapshots) for member in members]

    def _trained(self, member: Member, snapshots: Sequence[int]) -> Trained:
        part, number = self._places[member.seed]
        trial: Trial = part.read(member.level).trials[number]
        gradual = member.gradual is not None  # whose mask came of the training of the part
        if not (gradual or _same(trial.mask, member.mask)):
            raise RunError(
                f"{part.folder.path} has another mask at level {member.level} than this search.",
                "Remove this part, and make it again with this version of Ticket Hub.",
            )
        kept = dict.fromkeys(snapshots, part.theta0[number])
        mask = trial.mask if gradual else None
        return dataclasses.replace(trial.trained, snapshots=kept, mask=mask)

    def _check(self, part: _Part) -> None:
        seeds = part.ladder.seeds
        first = seeds[0] - self.recipe.search.seed
        wanted = part_of(self.recipe, first, len(seeds))
        same_data = part.header.data == self._parts[0].header.data
        whole = set(self._places) == set(_rounds(self.recipe).seeds)
        if part.header.recipe.digest != wanted.digest or not (same_data and whole):
            raise RunError(
                f"{part.folder.path} is no part of {self.recipe.run_name}.",
                "Name finished runs that together have all trials, made from the same data.",
            )


def _same(mask: Mask, other: Mask | None) -> bool:
    return (
        other is not None
        and mask.keys() == other.keys()
        and all(torch.equal(keep, other[name]) for name, keep in mask.items())
    )
