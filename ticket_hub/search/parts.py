"""A search from parts: runs of some of its trials each, made before, stand in for training."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from ticket_hub.bundle.manifest_records import Reference
from ticket_hub.errors import RunError
from ticket_hub.recipe import Recipe
from ticket_hub.runs.folder import Header
from ticket_hub.runs.level import Trial
from ticket_hub.runs.resources import Resources
from ticket_hub.search.level_trainer import RecipeSupplier
from ticket_hub.search.run_levels import RunLevels, rounds, same_tensors
from ticket_hub.training import Member, Trained
from ticket_hub.training.member import Keeper
from ticket_hub.types import Architecture, Weights

__all__ = ["Parts", "part_of"]


def part_of(recipe: Recipe, first: int, count: int) -> Recipe:
    """The recipe of trials `first` to `first + count - 1` alone."""
    seed = recipe.search.seed + first
    return recipe.replace({"search.trials": count, "search.seed": seed})


class Parts(RecipeSupplier):
    """Gives a session what parts have trained, each member checked to be the one asked for.

    Raises:
        RunError: a part is no run, or of another search.
    """

    def __init__(self, recipe: Recipe, resources: Resources, parts: Sequence[Path]) -> None:
        self.recipe, self.resources = recipe, resources
        self._parts = [RunLevels(path) for path in parts]
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
        if not (gradual or same_tensors(trial.mask, member.mask)):
            raise RunError(
                f"{part.folder.path} has another mask at level {member.level} than this search.",
                "Remove this part, and make it again with this version of Ticket Hub.",
            )
        kept = dict.fromkeys(snapshots, part.theta0[number])
        mask = trial.mask if gradual else None
        return dataclasses.replace(trial.trained, snapshots=kept, mask=mask)

    def _check(self, part: RunLevels) -> None:
        seeds = part.ladder.seeds
        first = seeds[0] - self.recipe.search.seed
        wanted = part_of(self.recipe, first, len(seeds))
        same_data = part.header.data == self._parts[0].header.data
        whole = set(self._places) == set(rounds(self.recipe).seeds)
        if part.header.recipe.digest != wanted.digest or not (same_data and whole):
            raise RunError(
                f"{part.folder.path} is no part of {self.recipe.run_name}.",
                "Name finished runs that together have all trials, made from the same data.",
            )
