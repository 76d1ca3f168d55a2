"""One process at work on a run: each step first looks for its own finished output."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from functools import cached_property

from ticket_hub.errors import RunError, RunMismatchError, StoppedError
from ticket_hub.networks import blank_module, prunable_layers
from ticket_hub.pruning import density
from ticket_hub.search.bundling import RunBundle
from ticket_hub.search.folder import Header, RunFolder
from ticket_hub.search.ladder import Ladder
from ticket_hub.search.level import Ending, Level, Trial
from ticket_hub.search.workshop import Supplier
from ticket_hub.training import Member, Trained
from ticket_hub.training.checkpoint import FolderKeeper
from ticket_hub.types import Mask, Weights

__all__ = ["Session"]


class Session:
    """The state of one search while it runs; everything that lasts is in the folder.

    Raises:
        RunMismatchError: the folder holds a run of another recipe.
        PruningError: the recipe's pruning cannot be done on its network.
    """

    def __init__(self, folder: RunFolder, workshop: Supplier) -> None:
        self.folder, self.workshop = folder, workshop
        self.recipe = workshop.recipe
        self.header = folder.open(self.recipe) or self._begin()
        layers = prunable_layers(blank_module(self.header.architecture))
        self.ladder = Ladder(recipe=self.recipe, layers=layers)
        _ = self.ladder.counts  # what cannot be pruned is refused before hours of training
        self.theta0 = folder.read_theta0()
        self.recent: dict[int, Level] = {}
        self.upcoming: tuple[Mask, ...] | None = None
        self.bundle = RunBundle(folder, self.header)
        self.dense_accuracy = 0.0

    @cached_property
    def initial(self) -> list[Weights]:
        """The weights of iteration 0, by trial."""
        if self.theta0 is not None and not self.recipe.search.rewind_step:
            return self.theta0
        return [self.workshop.initial(self.header.architecture, s) for s in self.ladder.seeds]

    def levels(self) -> Iterator[Level]:
        """Every level in order, read or trained; the bundle has each level that is yielded."""
        for index in itertools.count():
            finished = self.theta0 is not None and self.folder.has_level(index)
            level = self._read(index) if finished else self._train(index)
            self._remember(level)
            if not self.folder.has_level(index + 1):
                self.bundle.update(self.ladder.seeds, self._known_theta0())
            yield level
            if level.ending is not None:
                return

    def _begin(self) -> Header:
        header = self.workshop.header()
        self.folder.write_header(header)
        return header

    def _read(self, index: int) -> Level:
        FolderKeeper(folder=self.folder.checkpoints(index)).clear()
        self.upcoming = None
        return self.folder.read_level(index, self.ladder.parent(index), self._known_theta0())

    def _train(self, index: int) -> Level:
        self._refuse_to_start(index)
        masks = self._masks(index)
        members = self.ladder.members(index, masks, self._begin_weights(index))
        keeper = FolderKeeper(
            folder=self.folder.checkpoints(index), environment=self.workshop.environments[0]
        )
        self._tell_damage(keeper, members)
        step = self.recipe.search.rewind_step
        snapshots = [step] if index == 0 and step else []
        trained = self.workshop.train(self.header.architecture, members, snapshots, keeper)
        level = self._keep(index, masks, trained)
        keeper.clear()
        return level

    def _refuse_to_start(self, index: int) -> None:
        resources = self.workshop.resources
        if resources.should_stop is not None and resources.should_stop():
            raise StoppedError(
                f"Stopped before level {index}.", "The same command goes on from there."
            )
        if self.workshop.data_fingerprint != self.header.data.fingerprint:
            raise RunMismatchError(
                f"{self.folder.path} was begun with other data of {self.header.data.name}.",
                "Restore the data set, or begin a new run in another folder.",
            )
        for environment in self.workshop.environments:
            self.folder.admit(environment, accept=resources.accept_environment)
        if not self.workshop.is_exact:
            self.folder.mark_inexact()

    def _masks(self, index: int) -> tuple[Mask, ...]:
        if index == 0:
            return self.ladder.dense()
        following = self.upcoming or self._following(self.recent[index - 1])
        if isinstance(following, Ending):
            raise RunError(
                f"{self.folder.level(index - 1)} was not the last level when it was made, "
                f"but now it is: {following.about}",
                "Go on with the version of Ticket Hub that the run was begun with.",
            )
        return following

    def _begin_weights(self, index: int) -> Sequence[Weights]:
        parent = self.ladder.parent(index)
        if parent is None:
            return self.initial
        if self.recipe.search.rewind == "none":
            return [trial.trained.weights for trial in self.recent[parent].trials]
        return self._known_theta0()

    def _tell_damage(self, keeper: FolderKeeper, members: Sequence[Member]) -> None:
        tell = self.workshop.resources.notify
        for name in (file for member in members for file in keeper.damaged(member.name)):
            if tell is not None:
                tell(f"The checkpoint {name} is damaged and was skipped; an earlier state is used.")

    def _keep(self, index: int, masks: Sequence[Mask], trained: Sequence[Trained]) -> Level:
        if self.theta0 is None:
            self.theta0 = self._take_theta0(trained)
            self.folder.write_theta0(self.theta0)
        trials = zip(self.ladder.seeds, self.theta0, masks, trained, strict=True)
        level = Level(
            index=index,
            density=density(masks[0]),
            trials=tuple(
                Trial(seed=seed, theta0=theta0, mask=mask, trained=done)
                for seed, theta0, mask, done in trials
            ),
        )
        following = self._following(level)
        self.upcoming = None if isinstance(following, Ending) else following
        if isinstance(following, Ending):
            level = dataclasses.replace(level, ending=following)
        self.folder.write_level(level, self.ladder.parent(index))
        return level

    def _take_theta0(self, trained: Sequence[Trained]) -> list[Weights]:
        step = self.recipe.search.rewind_step
        return [done.snapshots[step] for done in trained] if step else self.initial

    def _known_theta0(self) -> list[Weights]:
        assert self.theta0 is not None, "level 0 is finished only after theta0 is written"
        return self.theta0

    def _following(self, level: Level) -> tuple[Mask, ...] | Ending:
        known = self.recent | {level.index: level}
        parent = known[self.ladder.parent(level.index + 1) or 0]
        dense = level.test_accuracy if level.index == 0 else self.dense_accuracy
        return self.ladder.following(level, parent, self.initial, dense)

    def _remember(self, level: Level) -> None:
        if level.index == 0:
            self.dense_accuracy = level.test_accuracy
        needed = self.ladder.parent(level.index + 1)
        self.recent = {index: known for index, known in self.recent.items() if index == needed}
        self.recent[level.index] = level
        self.bundle.add(level)
