"""Gradual pruning: a mask that shrinks while its network is trained (Zhu & Gupta 2017).

Between two iterations the share that is dropped rises from 0 to that of the level by the cubic
schedule s_t = s_f (1 - (1 - p)^3), p the share of the way: quickly while much is redundant, slowly
at the end. Each ranking of the recipe follows it by itself. What is dropped stays dropped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from ticket_hub.pruning.schedule import mask_on_the_way
from ticket_hub.pruning.structure import Structure
from ticket_hub.recipe import PruningSpec
from ticket_hub.types import Mask, PrunableLayer, Weights

__all__ = ["GradualPruning"]


@dataclass(frozen=True, kw_only=True, eq=False)
class GradualPruning:
    """How the mask of one network shrinks in its training; picklable.

    Attributes:
        spec: the recipe's, with `begin`, `end` and `every`.
        layers, structure: of the network.
        level: to whose counts it shrinks.
        seed: of the trial, for the criterion `random`.
        initial: the weights of iteration 0, for criteria that ask for them.
        iterations: of the training.
    """

    spec: PruningSpec
    layers: Sequence[PrunableLayer]
    structure: Structure | None
    level: int
    seed: int
    initial: Weights
    iterations: int

    @property
    def steps(self) -> tuple[int, ...]:
        """The iterations before which something is pruned, the last one `end`."""
        last = self.spec.last_step(self.iterations)
        between = range(self.spec.begin + self.spec.every, last, self.spec.every)
        return (*between, last)

    def shrunk(
        self, iteration: int, trained: Weights, mask: Mask, drawn: Mapping[int, Tensor]
    ) -> tuple[Mask, dict[int, Tensor]]:
        """As `mask`, beside what was drawn so far, which is nothing here."""
        return self.mask(iteration, trained, mask), dict(drawn)

    def mask(self, iteration: int, trained: Weights, mask: Mask) -> dict[str, Tensor]:
        """The mask after the step at an iteration; asked again it drops nothing more.

        The masks are bool, `(*layer)` each.

        Args:
            trained: the weights at that iteration.
            mask: so far.

        Raises:
            ScoreError: a layer's weights hold NaN or infinity.
            LayerCollapseError: a layer would lose its last weight, and that is not allowed.
        """
        begin, last = self.spec.begin, self.spec.last_step(self.iterations)
        way = min(1.0, (iteration - begin) / (last - begin))
        return mask_on_the_way(
            self.spec,
            self.layers,
            initial=self.initial,
            trained=trained,
            mask=mask,
            level=self.level,
            dropped=1 - (1 - way) ** 3,
            seed=self.seed,
            structure=self.structure,
        )
