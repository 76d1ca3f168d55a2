"""One process at work on a run: each step first looks for its own finished output."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property

from ticket_hub.errors import LayerCollapseError, RunMismatchError
from ticket_hub.pruning import density
from ticket_hub.runs.folder import RunFolder
from ticket_hub.runs.level import Level, Trial
from ticket_hub.search.bundling import RunBundle
from ticket_hub.search.collapse import REMEDY, collapse_ending, train_to_collapse
from ticket_hub.search.ladder import Ladder
from ticket_hub.search.level_masks import LevelMasks
from ticket_hub.search.level_trainer import Supplier
from ticket_hub.search.telling import Teller
from ticket_hub.training import Member, Trained
from ticket_hub.training.checkpoint import FolderKeeper, LevelsKeeper
from ticket_hub.training.member import Keeper
from ticket_hub.types import Architecture, Mask, Weights

__all__ = ["SearchSession"]

Train = Callable[[Architecture, Sequence[Member], Sequence[int], Keeper], Sequence[Trained]]
"""Gives the trained members of a level, or of several: see `RecipeSupplier.train`."""


class SearchSession:
    """The state of one search while it runs; everything that lasts is in the folder.

    Raises:
        RunMismatchError: the folder holds a run of another recipe.
        NetworkError: a plugin builds another network than when the run was begun.
        PruningError: the recipe's pruning cannot be done on its network, or would leave most of it
            whole without saying so.
    """

    def __init__(self, folder: RunFolder, supplier: Supplier) -> None:
        self.folder, self.supplier = folder, supplier
        self.recipe = supplier.recipe
        begun = folder.open(self.recipe)
        if begun is not None:
            supplier.check_network(begun)
        self.header = begun or supplier.header()
        self.ladder = Ladder(
            pruning=supplier.pruning,
            search=supplier.search,
            layers=supplier.layers(self.header.architecture),
            structure=supplier.structure(self.header.architecture),
            unmarked=supplier.unmarked(self.header.architecture),
            iterations=self.recipe.training.iterations if self.recipe.training else 0,
        )
        _ = self.ladder.counts  # what cannot be pruned is refused before hours of training
        if begun is None:
            self.ladder.check()
        # A recipe that differs only in what may change, such as where to end, goes on in the same
        # run.
        if begun is None or folder.is_of_another(self.recipe):
            folder.write_header(self.header)
        self.theta0 = folder.read_theta0()
        self.masks = LevelMasks(
            folder,
            self.ladder,
            supplier,
            self.header.architecture,
            initial=lambda: self.initial,
            theta0=self._known_theta0,
        )
        self.bundle = RunBundle(folder, self.header)
        self.teller = Teller(self.ladder, supplier.resources.notify)

    @cached_property
    def initial(self) -> list[Weights]:
        """The weights of iteration 0, by trial."""
        if self.theta0 is not None and not self.ladder.search.rewind_step:
            return self.theta0
        return [self.supplier.initial(self.header.architecture, s) for s in self.ladder.seeds]

    def levels(self, train: Train) -> Iterator[Level]:
        """Every level in order, read or trained; the bundle has each level that is yielded."""
        index, ending = self.ladder.search.first_level, None
        while ending is None:
            for level in self._read(index) or self._train(index, train):
                index, ending = level.index + 1, level.ending
                yield level

    def finished(self, index: int) -> Level | None:
        """The next level from the folder, or None where it is still to be trained: see `begin`.

        Levels are asked for in order, each once.
        """
        if self.theta0 is None or not self.folder.has_level(index):
            return None
        # A process may have died between the level and the end of its states.
        FolderKeeper(folder=self.folder.checkpoints(index)).clear()
        self.masks.upcoming = None
        level = self.folder.read_level(index, self.ladder.parent(index), self._known_theta0())
        return self._add(level if level.ending is None else self._end_anew(level))

    def begin(self, index: int) -> list[Member]:
        """What the next level trains; `complete` takes what came of it."""
        resources = self.supplier.resources
        resources.refuse_if_stopped(f"level {index}")
        if self.supplier.data_fingerprint != self.header.data.fingerprint:
            raise RunMismatchError(
                f"{self.folder.path} was begun with other data of {self.header.data.name}.",
                "Restore the data set, or begin a new run in another folder.",
            )
        for environment in self.supplier.environments:
            self.folder.admit(environment, accept=resources.accept_environment)
        if not self.supplier.is_exact:
            self.folder.mark_inexact()
        members = self.ladder.members(index, self.masks.of(index), self._begin_weights(index))
        self.teller.tell_whole()
        return members

    def complete(self, index: int, members: Sequence[Member], trained: Sequence[Trained]) -> Level:
        """Keep a level that was trained; its states in training are forgotten."""
        level = self._keep(index, [member.mask for member in members], trained)
        self.teller.tell_thin(level)
        FolderKeeper(folder=self.folder.checkpoints(index)).clear()
        return self._add(level)

    @property
    def snapshots(self) -> list[int]:
        """The iterations of level 0 that are kept: the one that survivors return to."""
        return [step] if (step := self.ladder.search.rewind_step) else []

    def _read(self, index: int) -> list[Level]:
        """The next level from the folder, and those behind it that the bundle has to be told of.

        A process may have died when it had written several, and the bundle of none.
        """
        found: list[Level] = []
        while (level := self.finished(index + len(found))) is not None:
            found.append(level)
            if self.bundle.has(level.index):
                break
        return found

    def _add(self, level: Level) -> Level:
        self._remember(level)
        # One bundle for many levels that are read: only what stands at the end is asked for.
        if not self.folder.has_level(level.index + 1):
            self._update_bundle()
        return level

    def _update_bundle(self) -> None:
        start = self.ladder.search.rewind_step
        self.bundle.update(self.ladder.seeds, self._known_theta0(), start=start)

    def _end_anew(self, level: Level) -> Level:
        """The same level with the end that the recipe gives it now: it may say to go on."""
        ending = self.masks.end_of_recipe(level)
        if level.ending is not None and level.ending.reason == "collapse":
            return level  # which no recipe of the same search can change
        if ending is None:
            ending = self.masks.settle(level)
        if ending != level.ending:
            level = dataclasses.replace(level, ending=ending)
            self.folder.reseal(level)
        return level

    def _train(self, index: int, train: Train) -> list[Level]:
        """Train a level, and with it the later ones whose masks are known already.

        All are written before any is given away, and the bundle once for all of them.
        """
        levels = {index: self.begin(index)}
        for later, masks in self.masks.known(index):
            levels[later] = self.ladder.members(later, masks, self._begin_weights(later))
        for level, members in levels.items():
            # Before training, which removes what it cannot read.
            self.teller.tell_damage(FolderKeeper(folder=self.folder.checkpoints(level)), members)
        left, results = self._train_to_collapse(levels, train)
        trained = iter(results)
        done = []
        for level, members in left.items():
            done.append(
                self._keep(level, [m.mask for m in members], [next(trained) for _ in members])
            )
            self.teller.tell_settled(done[-1])
            self.teller.tell_thin(done[-1])
            self._remember(done[-1])
        for level in levels:
            FolderKeeper(folder=self.folder.checkpoints(level)).clear()
        self._update_bundle()
        return done

    def _train_to_collapse(
        self, levels: Mapping[int, list[Member]], train: Train
    ) -> tuple[dict[int, list[Member]], Sequence[Trained]]:
        """The levels that work, and their trained members; the last one ends the search."""
        try:
            left, trained, ending = train_to_collapse(
                levels, lambda some: self._train_together(some, train)
            )
        except LayerCollapseError as error:
            remedy = REMEDY
            if self.masks.recent:
                last = dataclasses.replace(
                    self.masks.recent[max(self.masks.recent)], ending=collapse_ending(error)
                )
                self.folder.reseal(last)
                remedy = f"Level {last.index} is the last that works; the bundle has it. {REMEDY}"
            raise LayerCollapseError(error.problem, remedy, error.layer) from error
        for level in levels.keys() - left.keys():
            self.masks.ahead.pop(level, None)
        self.masks.ahead |= ending
        return left, trained

    def _train_together(
        self, levels: Mapping[int, Sequence[Member]], train: Train
    ) -> Sequence[Trained]:
        """The members of some levels, in their order, trained as one population."""
        first, environment = min(levels), self.supplier.environments[0]
        snapshots = [] if first else self.snapshots
        if len(levels) == 1:
            alone = FolderKeeper(folder=self.folder.checkpoints(first), environment=environment)
            return train(self.header.architecture, levels[first], snapshots, alone)
        members = [
            dataclasses.replace(member, name=f"{self.folder.level(level).name}/{member.name}")
            for level, some in levels.items()
            for member in some
        ]
        folder = self.folder.checkpoints(first).parent
        keeper = LevelsKeeper(folders={"": folder}, environment=environment)
        return train(self.header.architecture, members, snapshots, keeper)

    def _begin_weights(self, index: int) -> Sequence[Weights]:
        parent = self.ladder.parent(index)
        if parent is None:
            return self.initial
        if self.ladder.search.goes_on:
            return [trial.trained.weights for trial in self.masks.recent[parent].trials]
        return self._known_theta0() if self.ladder.search.rewind_step else self.initial

    def _keep(self, index: int, masks: Sequence[Mask], trained: Sequence[Trained]) -> Level:
        # theta0 before the level: whatever is killed, a level that is there has what it begins
        # from.
        if self.theta0 is None:
            step = self.ladder.search.rewind_step
            self.theta0 = [done.snapshots[step] for done in trained] if step else self.initial
            reference = None if step else self.supplier.reference(self.header.architecture)
            self.folder.write_theta0(self.theta0, reference)
        masks = [
            mask if done.mask is None else done.mask
            for mask, done in zip(masks, trained, strict=True)
        ]
        trials = zip(self.ladder.seeds, self.theta0, masks, trained, strict=True)
        level = Level(
            index=index,
            density=density(masks[0]),
            trials=tuple(
                Trial(seed=seed, theta0=theta0, mask=mask, trained=done)
                for seed, theta0, mask, done in trials
            ),
        )
        if (ending := self.masks.settle(level)) is not None:
            level = dataclasses.replace(level, ending=ending)
        self.folder.write_level(level, self.ladder.parent(index))
        return level

    def _known_theta0(self) -> list[Weights]:
        assert self.theta0 is not None, "level 0 is finished only after theta0 is written"
        return self.theta0

    def _remember(self, level: Level) -> None:
        self.masks.remember(level)
        self.bundle.add(level)
