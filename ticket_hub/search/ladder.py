"""From one level to the next: which masks follow, or why none do. No files, no training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, TypeAlias

from ticket_hub.errors import LayerCollapseError
from ticket_hub.pruning import full_mask, kept, ladder, next_mask, one_shot_mask
from ticket_hub.pruning.coverage import check_coverage, never_pruned
from ticket_hub.pruning.criteria import CRITERIA
from ticket_hub.pruning.granularity import takes_inputs
from ticket_hub.pruning.structure import Structure
from ticket_hub.recipe import PruningSpec, SearchSpec
from ticket_hub.runs.level import Ending, Level
from ticket_hub.training import Member
from ticket_hub.types import Mask, PrunableLayer, Weights

__all__ = ["Ladder", "parent_of"]


def parent_of(pruning: PruningSpec, index: int) -> int | None:
    """The level whose trained weights a level is pruned from; None for level 0."""
    if index == 0:
        return None
    return 0 if pruning.mode == "one-shot" else index - 1


Measured: TypeAlias = "Callable[[int, Weights, str, Mask], Weights]"


@dataclass(frozen=True, kw_only=True)
class Ladder:
    """The rounds of one recipe over one network's prunable layers."""

    pruning: PruningSpec
    search: SearchSpec
    layers: tuple[PrunableLayer, ...]
    structure: Structure | None = None

    @cached_property
    def counts(self) -> tuple[int, ...]:
        """The number of kept weights of each level, known before anything is trained.

        Raises:
            PruningError: nothing to prune, or the target density cannot be reached.
        """
        return ladder(self.pruning, self.layers, self.last, self.structure)

    @property
    def is_exact(self) -> bool:
        """Whether `counts` are those of every trial; where units of all layers compete, about."""
        return self.structure is None or self.pruning.scope != "global"

    @property
    def never_pruned(self) -> list[str]:
        """One sentence for each kind of layer that stays whole; none where nothing is pruned."""
        return never_pruned(self.pruning, self.layers, self.structure) if self.last else []

    def check(self) -> None:
        """Refuse a ladder that would leave most of the network whole without saying so.

        Raises:
            RecipeError: nobody knows the recipe's criterion here.
            PruningError: see `ticket_hub.pruning.coverage.check_coverage`.
        """
        if self.last:
            CRITERIA.get(self.pruning.criterion)
            check_coverage(self.pruning, self.layers)

    @property
    def seeds(self) -> list[int]:
        """The seed of every trial."""
        return [self.search.seed + trial for trial in range(self.search.trials)]

    @property
    def last(self) -> int:
        """The last level that the recipe allows."""
        target = self.pruning.target_density is not None
        return min(self.search.levels, 1) if target else self.search.levels

    def parent(self, index: int) -> int | None:
        """The level whose trained weights a level is pruned from; None for level 0."""
        return parent_of(self.pruning, index)

    def dense(self) -> tuple[Mask, ...]:
        """The masks of level 0."""
        return tuple(full_mask(self.layers) for _ in self.seeds)

    def members(
        self,
        index: int,
        masks: Sequence[Mask],
        begin: Sequence[Weights],
    ) -> list[Member]:
        """What a level trains: every trial from the weights given, under its mask."""
        start = self.search.start_step if index else 0
        return [
            Member(
                name=f"trial-{trial}",
                seed=seed,
                level=index,
                weights=weights,
                mask=mask,
                start=start,
            )
            for trial, (seed, weights, mask) in enumerate(
                zip(self.seeds, begin, masks, strict=True)
            )
        ]

    def following(
        self,
        level: Level,
        parent: Level,
        initial: Sequence[Weights],
        dense_accuracy: float,
        measured: Measured,
    ) -> tuple[Mask, ...] | Ending:
        """The masks of the next level, or why this one is the last.

        Args:
            level: the one just trained.
            parent: the one whose trained weights the next level is pruned from.
            initial: by trial, the weights of iteration 0.
            dense_accuracy: mean test accuracy of level 0, in [0, 1].
            measured: gives what criteria need beside weights, of a trial's seed, its weights, the
                need and the mask so far.
        """
        ending = self.end_of_recipe(level, dense_accuracy)
        if ending is not None:
            return ending
        try:
            return self._prune(level.index + 1, parent, initial, measured)
        except LayerCollapseError as error:
            return Ending(reason="collapse", about=error.problem, layer=error.layer)

    def end_of_recipe(self, level: Level, dense_accuracy: float) -> Ending | None:
        """Why the recipe lets no level follow this one, or None where it lets one."""
        return self._planned_end(level) or self._accuracy_end(level, dense_accuracy)

    def _planned_end(self, level: Level) -> Ending | None:
        if level.index >= self.last:
            return Ending(reason="levels", about=f"All {self.last} rounds are done.")
        next_count, floor = self.counts[level.index + 1], self.search.stop_density
        if next_count == self.counts[level.index]:
            about = (
                f"{self.pruning.granularity} is one round, and it is done."
                if takes_inputs(self.pruning.granularity)
                else "Rounding leaves no weight to prune."
            )
            return Ending(reason="exhausted", about=about)
        share = next_count / self.counts[0]
        if floor is not None and share < floor:
            return Ending(
                reason="density",
                about=f"The next level would have density {share:.4f}, below {floor:g}.",
            )
        return None

    def _accuracy_end(self, level: Level, dense_accuracy: float) -> Ending | None:
        margin = self.search.stop_below_dense
        if margin is None or level.test_accuracy >= dense_accuracy - margin:
            return None
        return Ending(
            reason="accuracy",
            about=f"The mean test accuracy, {level.test_accuracy:.4f}, is more than {margin:g} "
            f"below the dense network's {dense_accuracy:.4f}.",
        )

    def _prune(
        self,
        index: int,
        parent: Level,
        initial: Sequence[Weights],
        measured: Measured,
    ) -> tuple[Mask, ...]:
        spec, masks = self.pruning, []
        for trial, start in zip(parent.trials, initial, strict=True):
            weights = trial.trained.weights if spec.when == "trained" else trial.theta0
            common: dict[str, Any] = {
                "initial": start,
                "trained": weights,
                "measured": partial(measured, trial.seed, weights),
                "seed": trial.seed,
                "structure": self.structure,
            }
            if spec.mode == "one-shot":
                mask = one_shot_mask(spec, self.layers, **common, level=index)
            else:
                mask = next_mask(spec, self.layers, **common, mask=trial.mask)
            assert kept(mask) == self.counts[index] or not self.is_exact
            masks.append(mask)
        return tuple(masks)
