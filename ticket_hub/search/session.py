"""One process at work on a run: each step first looks for its own finished output."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial

from ticket_hub.errors import LayerCollapseError, RunError, RunMismatchError
from ticket_hub.pruning import density
from ticket_hub.runs.folder import RunFolder
from ticket_hub.runs.level import Ending, Level, Trial
from ticket_hub.search.bundling import RunBundle
from ticket_hub.search.collapse import REMEDY, collapse_ending, train_to_collapse
from ticket_hub.search.ladder import THETA0, Ladder
from ticket_hub.search.level_trainer import Supplier
from ticket_hub.search.telling import Teller
from ticket_hub.training import Member, Trained
from ticket_hub.training.capacity import most_held
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
        self.recent: dict[int, Level] = {}
        self.upcoming: tuple[Mask, ...] | None = None
        self.ahead: dict[int, tuple[Mask, ...] | Ending] = {}
        self.bundle = RunBundle(folder, self.header)
        self.dense_accuracy = 0.0
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
        self.upcoming = None
        level = self.folder.read_level(index, self.ladder.parent(index), self._known_theta0())
        return self._add(level if level.ending is None else self._end_anew(level))

    def begin(self, index: int) -> list[Member]:
        """What the next level trains; `complete` takes what came of it."""
        self._refuse_to_start(index)
        members = self.ladder.members(index, self._masks(index), self._begin_weights(index))
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
        dense = level.test_accuracy if level.index == 0 else self.dense_accuracy
        ending = self.ladder.end_of_recipe(level, dense)
        if level.ending is not None and level.ending.reason == "collapse":
            return level  # which no recipe of the same search can change
        if ending is None:
            following = self._following(level)
            self.upcoming = None if isinstance(following, Ending) else following
            ending = following if isinstance(following, Ending) else None
        if ending != level.ending:
            level = dataclasses.replace(level, ending=ending)
            self.folder.reseal(level)
        return level

    def _train(self, index: int, train: Train) -> list[Level]:
        """Train a level, and with it the later ones whose masks are known already.

        All are written before any is given away, and the bundle once for all of them.
        """
        levels = {index: self.begin(index)}
        for later, masks in self._known_masks(index):
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
            if self.recent:
                last = dataclasses.replace(
                    self.recent[max(self.recent)], ending=collapse_ending(error)
                )
                self.folder.reseal(last)
                remedy = f"Level {last.index} is the last that works; the bundle has it. {REMEDY}"
            raise LayerCollapseError(error.problem, remedy, error.layer) from error
        for level in levels.keys() - left.keys():
            self.ahead.pop(level, None)
        self.ahead |= ending
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
        keeper = LevelsKeeper(folder=folder, environment=environment)
        return train(self.header.architecture, members, snapshots, keeper)

    def _known_masks(self, index: int) -> Iterator[tuple[int, tuple[Mask, ...]]]:
        """The levels behind one that is to be trained whose masks do not depend on it.

        So many as the memory can hold until they are written.
        """
        scored = self._scored(index) if self.ladder.is_one_population else None
        if scored is None:
            return
        size = sum(each.numel() * each.element_size() for one in scored for each in one.values())
        most = most_held(size)
        measured = partial(self.supplier.measured, self.header.architecture)
        for later in range(index + 1, index + most):
            if self.ladder.planned_end(later - 1) is not None:
                return
            self.supplier.resources.refuse_if_stopped(f"the masks of level {later}")
            dense = self.ladder.dense()
            found = self.ladder.prune(later, scored, dense, self.initial, measured)
            self.ahead[later] = found
            if isinstance(found, Ending):
                return
            yield later, found

    def _scored(self, index: int) -> Sequence[Weights] | None:
        """By trial, the weights that all pruned levels are scored by; None before that is known."""
        when = self.ladder.pruning.when
        if when in THETA0:
            return self.initial
        if index == 0:
            return None
        if when == "trained":
            return [trial.trained.weights for trial in self.recent[0].trials]
        return self._known_theta0()

    def _refuse_to_start(self, index: int) -> None:
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

    def _masks(self, index: int) -> tuple[Mask, ...]:
        if index == 0:
            return self.ladder.dense()
        if index == self.ladder.search.first_level:
            return self._first_masks(index)
        following = self.upcoming or self._following(self.recent[index - 1])
        if isinstance(following, Ending):
            raise RunError(
                f"{self.folder.level(index - 1)} was not the last level when it was made, "
                f"but now it is: {following.about}",
                "Go on with the version of Ticket Hub that the run was begun with.",
            )
        return following

    def _of_theta0(self, index: int) -> tuple[Mask, ...] | Ending:
        """The masks of a level of a search without the dense one."""
        measured = partial(self.supplier.measured, self.header.architecture)
        return self.ladder.prune(index, self.initial, self.ladder.dense(), self.initial, measured)

    def _first_masks(self, index: int) -> tuple[Mask, ...]:
        """Those of a first level that is not the dense one."""
        found = self._of_theta0(index)
        if isinstance(found, Ending):
            raise LayerCollapseError(
                found.about,
                REMEDY,
                layer=found.layer,
            )
        return found

    def _begin_weights(self, index: int) -> Sequence[Weights]:
        parent = self.ladder.parent(index)
        if parent is None:
            return self.initial
        if self.ladder.search.goes_on:
            return [trial.trained.weights for trial in self.recent[parent].trials]
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
        following = self._following(level)
        self.upcoming = None if isinstance(following, Ending) else following
        if isinstance(following, Ending):
            level = dataclasses.replace(level, ending=following)
        self.folder.write_level(level, self.ladder.parent(index))
        return level

    def _known_theta0(self) -> list[Weights]:
        assert self.theta0 is not None, "level 0 is finished only after theta0 is written"
        return self.theta0

    def _following(self, level: Level) -> tuple[Mask, ...] | Ending:
        if (ahead := self.ahead.pop(level.index + 1, None)) is not None:
            return ahead
        if not self.ladder.search.dense:
            return self.ladder.planned_end(level.index) or self._of_theta0(level.index + 1)
        known = self.recent | {level.index: level}
        parent = known[self.ladder.parent(level.index + 1) or 0]
        dense = level.test_accuracy if level.index == 0 else self.dense_accuracy

        measured = partial(self.supplier.measured, self.header.architecture)
        return self.ladder.following(level, parent, self.initial, dense, measured)

    def _remember(self, level: Level) -> None:
        if level.index == 0:
            self.dense_accuracy = level.test_accuracy
        needed = self.ladder.parent(level.index + 1)
        # Only the parent of what comes next: weights of a whole ladder would not fit into memory.
        self.recent = {index: known for index, known in self.recent.items() if index == needed}
        self.recent[level.index] = level
        self.bundle.add(level)
