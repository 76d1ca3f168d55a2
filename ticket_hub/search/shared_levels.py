"""Levels of other runs that come to the same bits as those of a search, and stand in for them.

Settings of a sweep, and searches of a claim, often have the dense level in common: they differ in
what happens after it. Whether a level is the same is decided by what decides its bits, never by
the names of settings: data, network, training, environment, and of every trial the seed, the start
and the mask.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

from ticket_hub.environment import differences
from ticket_hub.errors import TicketHubError
from ticket_hub.recipe import Recipe
from ticket_hub.runs.folder import Header
from ticket_hub.runs.level import Trial
from ticket_hub.search.ladder import THETA0, Ladder
from ticket_hub.search.run_levels import RunLevels, rounds, same_tensors
from ticket_hub.training import Member, Trained
from ticket_hub.types import Weights

__all__ = ["SharedLevels"]

ONE_BY_ONE = frozenset({"lanes", "plain"})
"""Backends that compute a member as if it were alone on a GPU, too: see `docs/training.md`."""


class SharedLevels:
    """What other runs have trained that a search would train again.

    Args:
        header: of the search, by a `Recipe`.
        environment: that it trains in; runs of another one, and those whose bits are not exact,
            are passed over.
        runs: the folders of the others; what is none, or cannot be read, is passed over.
    """

    def __init__(self, header: Header, environment: dict[str, str], runs: Sequence[Path]) -> None:
        assert isinstance(header.recipe, Recipe), "an own loop trains its levels itself"
        self._header, self._recipe = header, header.recipe
        self._environment, self._runs = environment, tuple(runs)

    def trained(
        self, members: Sequence[Member], snapshots: Sequence[int]
    ) -> Iterator[tuple[Path, dict[str, Trained]]]:
        """The members that need no training, by their names, level by level, with the run.

        Args:
            members: of one level or of several, by level.
            snapshots: the iterations whose weights are wanted too.
        """
        for _, some in itertools.groupby(members, lambda member: member.level):
            level = list(some)
            for run in self._equal:
                try:
                    found = self._level_of(run, level, snapshots)
                except (TicketHubError, OSError):  # damaged, or removed by somebody meanwhile
                    continue
                if found is not None:
                    yield run.folder.path, found
                    break

    @cached_property
    def _equal(self) -> list[RunLevels]:
        """The runs that train as this search does."""
        found = []
        for path in self._runs:
            try:
                run = RunLevels(path)
                mine, theirs = self._header, run.header
                environment, exact = run.folder.read_environment()
                if (
                    exact
                    and not differences(environment, self._environment)
                    and theirs.own is None
                    and theirs.data == mine.data
                    and theirs.architecture == mine.architecture
                    and theirs.tensors == mine.tensors
                    and all(
                        getattr(theirs.recipe, part) == getattr(self._recipe, part)
                        for part in ("network", "data", "training")
                    )
                ):
                    found.append(run)
            except (TicketHubError, OSError):
                continue
        return found

    def _level_of(
        self, run: RunLevels, members: Sequence[Member], snapshots: Sequence[int]
    ) -> dict[str, Trained] | None:
        """The members of one level, by name, as a run has trained them; None where it has not."""
        index, seeds = members[0].level, run.ladder.seeds
        if not run.folder.has_level(index) or not {each.seed for each in members} <= set(seeds):
            return None
        # It must train from the same iteration on, at the same rates.
        mine, theirs = self._recipe.search, run.ladder.search
        if not (
            set(snapshots) <= {theirs.rewind_step}
            if index == 0
            else mine.rewind == theirs.rewind and not run.ladder.pruning.is_in_training
        ):
            return None
        level = run.read(index)
        on_cpu = "cuda" not in self._environment
        ladders = (run.ladder, rounds(self._recipe))
        alone = len(members) == len(seeds) and all(_trains_alone(each, index) for each in ladders)
        found = {}
        for member in members:
            place = seeds.index(member.seed)
            trial = level.trials[place]
            exact = on_cpu or alone or trial.trained.backend in ONE_BY_ONE
            if not exact or not _is_same(run, member, place, trial):
                return None
            kept = {} if index else dict.fromkeys(snapshots, run.theta0[place])
            found[member.name] = dataclasses.replace(trial.trained, snapshots=kept)
        return found


def _trains_alone(ladder: Ladder, index: int) -> bool:
    """Whether a level is a population of its own."""
    is_first = index == 0 and ladder.pruning.when not in THETA0
    return is_first or not ladder.is_one_population


def _is_same(run: RunLevels, member: Member, place: int, trial: Trial) -> bool:
    """Whether a trial of a run is what a member would become."""
    if member.gradual is not None or not same_tensors(trial.mask, member.mask):
        return False
    start = _start(run, member.level, place)
    return start is None or same_tensors(start, member.weights)


def _start(run: RunLevels, index: int, place: int) -> Weights | None:
    """The weights that a level began with; None where they follow from the recipe's network."""
    search = run.ladder.search
    if index == 0 and search.rewind_step:
        return None
    parent = run.ladder.parent(index)
    if parent is None or not search.goes_on:
        return run.theta0[place]
    before = run.folder.read_level(parent, run.ladder.parent(parent), run.theta0)
    return before.trials[place].trained.weights
