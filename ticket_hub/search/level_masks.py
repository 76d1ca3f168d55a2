"""The masks that levels get: of what they need, and of the levels that are remembered for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from ticket_hub.errors import LayerCollapseError, RunError
from ticket_hub.runs.folder import RunFolder
from ticket_hub.runs.level import Ending, Level
from ticket_hub.search.collapse import REMEDY
from ticket_hub.search.ladder import THETA0, Ladder
from ticket_hub.search.level_trainer import Supplier
from ticket_hub.training.capacity import most_held
from ticket_hub.types import Architecture, Mask, Weights

__all__ = ["LevelMasks"]


class LevelMasks:
    """What the next level's masks follow from, while a search goes from level to level.

    Args:
        initial: gives the weights of iteration 0, by trial.
        theta0: gives what survivors go back to, by trial; known once level 0 is trained.

    Attributes:
        recent: the levels that what comes next is derived from, by index.
        dense_accuracy: mean test accuracy of level 0, in [0, 1].
        upcoming: the masks of the next level, where they followed from the one before.
        ahead: masks of levels that were made before the level in front of them was trained.
    """

    def __init__(
        self,
        folder: RunFolder,
        ladder: Ladder,
        supplier: Supplier,
        architecture: Architecture,
        *,
        initial: Callable[[], Sequence[Weights]],
        theta0: Callable[[], Sequence[Weights]],
    ) -> None:
        self._folder, self.ladder, self._resources = folder, ladder, supplier.resources
        self._initial, self._theta0 = initial, theta0
        self._measured = partial(supplier.measured, architecture)
        self.recent: dict[int, Level] = {}
        self.dense_accuracy = 0.0
        self.upcoming: tuple[Mask, ...] | None = None
        self.ahead: dict[int, tuple[Mask, ...] | Ending] = {}

    def of(self, index: int) -> tuple[Mask, ...]:
        """The masks of the next level, by trial.

        Raises:
            LayerCollapseError: it is the first, and theta0 leaves a layer without weights.
            RunError: by this version the level before it was the last one.
        """
        if index == 0:
            return self.ladder.dense()
        if index == self.ladder.search.first_level:
            found = self._masks_from_theta0(index)
            if isinstance(found, Ending):
                raise LayerCollapseError(found.about, REMEDY, layer=found.layer)
            return found
        following = self.upcoming or self._following(self.recent[index - 1])
        if isinstance(following, Ending):
            raise RunError(
                f"{self._folder.level(index - 1)} was not the last level when it was made, "
                f"but now it is: {following.about}",
                "Go on with the version of Ticket Hub that the run was begun with.",
            )
        return following

    def settle(self, level: Level) -> Ending | None:
        """Why a level is the last; None where the next one has masks, which `of` then gives."""
        following = self._following(level)
        self.upcoming = None if isinstance(following, Ending) else following
        return following if isinstance(following, Ending) else None

    def end_of_recipe(self, level: Level) -> Ending | None:
        """Why the recipe ends the search with a level, whatever its masks are."""
        return self.ladder.end_of_recipe(level, self._dense_accuracy(level))

    def known(self, index: int) -> Iterator[tuple[int, tuple[Mask, ...]]]:
        """The levels behind one that is to be trained whose masks do not depend on it.

        So many as the memory can hold until they are written.
        """
        scored = self._scored(index) if self.ladder.is_one_population else None
        if scored is None:
            return
        size = sum(each.numel() * each.element_size() for one in scored for each in one.values())
        most = most_held(size)
        for later in range(index + 1, index + most):
            if self.ladder.planned_end(later - 1) is not None:
                return
            self._resources.refuse_if_stopped(f"the masks of level {later}")
            dense = self.ladder.dense()
            found = self.ladder.prune(later, scored, dense, self._initial(), self._measured)
            self.ahead[later] = found
            if isinstance(found, Ending):
                return
            yield later, found

    def remember(self, level: Level) -> None:
        """Keep a finished level for as long as another is derived from it."""
        if level.index == 0:
            self.dense_accuracy = level.test_accuracy
        needed = self.ladder.parent(level.index + 1)
        # Only the parent of what comes next: weights of a whole ladder would not fit into memory.
        self.recent = {index: known for index, known in self.recent.items() if index == needed}
        self.recent[level.index] = level

    def _scored(self, index: int) -> Sequence[Weights] | None:
        """By trial, the weights that all pruned levels are scored by; None before that is known."""
        when = self.ladder.pruning.when
        if when in THETA0:
            return self._initial()
        if index == 0:
            return None
        if when == "trained":
            return [trial.trained.weights for trial in self.recent[0].trials]
        return self._theta0()

    def _masks_from_theta0(self, index: int) -> tuple[Mask, ...] | Ending:
        """The masks of a level of a search without the dense one."""
        initial = self._initial()
        return self.ladder.prune(index, initial, self.ladder.dense(), initial, self._measured)

    def _following(self, level: Level) -> tuple[Mask, ...] | Ending:
        if (ahead := self.ahead.pop(level.index + 1, None)) is not None:
            return ahead
        if not self.ladder.search.dense:
            return self.ladder.planned_end(level.index) or self._masks_from_theta0(level.index + 1)
        known = self.recent | {level.index: level}
        parent = known[self.ladder.parent(level.index + 1) or 0]
        return self.ladder.following(
            level, parent, self._initial(), self._dense_accuracy(level), self._measured
        )

    def _dense_accuracy(self, level: Level) -> float:
        return level.test_accuracy if level.index == 0 else self.dense_accuracy
