"""From one level to the next: which masks follow, or why none do. No files, no training."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, TypeAlias

from ticket_hub.errors import LayerCollapseError
from ticket_hub.pruning import full_mask, kept, ladder, next_mask, one_shot_mask
from ticket_hub.pruning.coverage import beyond_masks, check_coverage, never_pruned
from ticket_hub.pruning.criteria import CRITERIA
from ticket_hub.pruning.early_bird import EarlyBird
from ticket_hub.pruning.gradual import GradualPruning
from ticket_hub.pruning.granularity import takes_inputs
from ticket_hub.pruning.structure import Structure
from ticket_hub.recipe import PruningSpec, SearchSpec
from ticket_hub.recipe.pruning_spec import IN_TRAINING
from ticket_hub.recipe.spec import last_level
from ticket_hub.runs.level import Ending, Level
from ticket_hub.training import Member
from ticket_hub.types import Mask, PrunableLayer, Weights

__all__ = ["Ladder", "parent_of"]


def parent_of(pruning: PruningSpec, index: int) -> int | None:
    """The level whose trained weights a level is pruned from; None for level 0."""
    if index == 0:
        return None
    return 0 if pruning.mode == "one-shot" else index - 1


THETA0 = ("init", *IN_TRAINING)
"""`pruning.when` of searches whose levels need no training of another to begin."""
USUAL_RATE = 0.2
"""What an iterative search prunes a round (Frankle & Carbin 2019)."""

Measured: TypeAlias = "Callable[[int, Weights, str, Mask], Weights]"


@dataclass(frozen=True, kw_only=True)
class Ladder:
    """The rounds of one recipe over one network's prunable layers.

    Attributes:
        unmarked: matrices of the network that no mask reaches: name -> how many numbers.
        iterations: of the training of one level; only gradual pruning asks.
    """

    pruning: PruningSpec
    search: SearchSpec
    layers: tuple[PrunableLayer, ...]
    structure: Structure | None = None
    unmarked: Mapping[str, int] = field(default_factory=dict)
    iterations: int = 0

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
        """What of the network stays whole, in sentences; none where nothing is pruned."""
        if not self.last:
            return []
        return [
            *never_pruned(self.pruning, self.layers, self.structure),
            *beyond_masks(self.unmarked, self.layers),
        ]

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
    def is_one_population(self) -> bool:
        """Whether no pruned level waits for the training of another.

        Every level is then pruned from the same weights, and no accuracy decides where to end.
        """
        return self.pruning.mode == "one-shot" and self.search.stop_below_dense is None

    @property
    def levels_at_once(self) -> int:
        """How many levels train as one population, where the memory allows it."""
        if not self.is_one_population:
            return 1
        return max(1, self.last + (self.pruning.when in THETA0) - self.search.first_level)

    @property
    def about_cost(self) -> str:
        """What an early search saves beside an iterative one to the same density; else empty."""
        if self.pruning.when == "trained" or self.pruning.is_in_training or not self.last:
            return ""
        share = self.counts[self.last] / self.counts[0]
        rounds = math.ceil(math.log(share) / math.log(1 - USUAL_RATE)) if share else 0
        if rounds < self.networks:
            return ""
        mine, others = self.networks, 1 + rounds
        return (
            f"Scores are of theta0: {mine} networks a trial. An iterative search at "
            f"{100 * USUAL_RATE:.0f}% a round trains {others} to come to {100 * share:.2f}% of the "
            f"weights: this is {mine / others:.2f} of its iterations."
        )

    @property
    def seeds(self) -> list[int]:
        """The seed of every trial."""
        return [self.search.seed + trial for trial in range(self.search.trials)]

    @property
    def last(self) -> int:
        """The last level that the recipe allows."""
        return last_level(vars(self.pruning), self.search.levels)

    @property
    def networks(self) -> int:
        """How many networks a trial trains: one a level."""
        return self.last + 1 - self.search.first_level

    def parent(self, index: int) -> int | None:
        """The level that a level is derived from; None where it is from theta0 alone."""
        return parent_of(self.pruning, index) if self.search.dense else None

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
                gradual=self._gradual(index, seed, weights),
            )
            for trial, (seed, weights, mask) in enumerate(
                zip(self.seeds, begin, masks, strict=True)
            )
        ]

    def _gradual(self, index: int, seed: int, initial: Weights) -> GradualPruning | None:
        """How the mask of a level shrinks in its training, where it does."""
        if not self.pruning.is_in_training or not index:
            return None
        kind = EarlyBird if self.pruning.when == "early-bird" else GradualPruning
        return kind(
            spec=self.pruning,
            layers=self.layers,
            structure=self.structure,
            level=index,
            seed=seed,
            initial=initial,
            iterations=self.iterations,
        )

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
        trained = self.pruning.when == "trained"
        scored = [each.trained.weights if trained else each.theta0 for each in parent.trials]
        masks = [each.mask for each in parent.trials]
        return self.prune(level.index + 1, scored, masks, initial, measured)

    def end_of_recipe(self, level: Level, dense_accuracy: float) -> Ending | None:
        """Why the recipe lets no level follow this one, or None where it lets one."""
        return self.planned_end(level.index) or self._accuracy_end(level, dense_accuracy)

    def planned_end(self, index: int) -> Ending | None:
        """Why no level follows this one, as far as it is known before anything is trained."""
        if index >= self.last:
            rounds = "The one round is" if self.last == 1 else f"All {self.last} rounds are"
            return Ending(reason="levels", about=f"{rounds} done.")
        next_count, floor = self.counts[index + 1], self.search.stop_density
        if next_count == self.counts[index]:
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

    def prune(
        self,
        index: int,
        scored: Sequence[Weights],
        masks: Sequence[Mask],
        initial: Sequence[Weights],
        measured: Measured,
    ) -> tuple[Mask, ...] | Ending:
        """The masks of a level, or the layer that would lose its last weight.

        Args:
            scored: by trial, the weights that scores are of.
            masks: by trial, of the level before; `one-shot` pruning does not ask for them.
            initial, measured: as `following` takes them.
        """
        spec, found = self.pruning, []
        if spec.is_in_training:  # which finds its mask
            return tuple(full_mask(self.layers) for _ in masks)
        for seed, weights, mask, start in zip(self.seeds, scored, masks, initial, strict=True):
            common: dict[str, Any] = {
                "initial": start,
                "trained": weights,
                "measured": partial(measured, seed, weights),
                "seed": seed,
                "structure": self.structure,
            }
            try:
                if spec.mode == "one-shot":
                    pruned = one_shot_mask(spec, self.layers, **common, level=index)
                else:
                    pruned = next_mask(spec, self.layers, **common, mask=mask)
            except LayerCollapseError as error:
                return Ending(reason="collapse", about=error.problem, layer=error.layer)
            assert kept(pruned) == self.counts[index] or not self.is_exact
            found.append(pruned)
        return tuple(found)
