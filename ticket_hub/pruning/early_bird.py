"""Early-bird tickets: a mask that is taken as soon as it settles (You et al. 2020).

The network trains dense, and every so many iterations the mask of its level is drawn from the
weights as they are then. Once the last few of these masks are within a small distance of the
newest, that one is the level's, and the network trains on under it. The distance is the share of
the units, or of the weights, that one of two masks keeps and the other does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ticket_hub.pruning.gradual import GradualPruning
from ticket_hub.pruning.masks import full_mask
from ticket_hub.pruning.schedule import mask_on_the_way
from ticket_hub.shapes import Bool
from ticket_hub.types import Mask, Weights

__all__ = ["EarlyBird"]


@dataclass(frozen=True, kw_only=True, eq=False)
class EarlyBird(GradualPruning):
    """How the mask of one network is found in its training; picklable.

    The attributes are those of `GradualPruning`; of the recipe's `spec` it asks for `settled_masks`
    and `settled_distance`, too. At the iteration `end` the mask is taken whether it has settled or
    not.
    """

    def shrunk(
        self, iteration: int, trained: Weights, mask: Mask, drawn: Mapping[int, Tensor]
    ) -> tuple[Mask, dict[int, Tensor]]:
        """The mask after an iteration, and what was drawn so far; once it has settled, that alone.

        Asked again at an iteration, it answers the same.

        Raises:
            ScoreError: a layer's weights hold NaN or infinity.
            LayerCollapseError: a layer would lose its last weight, and that is not allowed.
        """
        if not all(bool(keep.all()) for keep in mask.values()):
            return mask, dict(drawn)
        found = mask_on_the_way(
            self.spec,
            self.layers,
            initial=self.initial,
            trained=trained,
            mask=full_mask(self.layers),
            level=self.level,
            dropped=1.0,
            seed=self.seed,
            structure=self.structure,
        )
        newest = self._kept(found)
        before = [drawn[at] for at in sorted(drawn) if at < iteration]
        before = before[max(0, len(before) - self.spec.settled_masks + 1) :]
        distances = [float((newest != each).double().mean()) for each in before]
        enough = len(before) == self.spec.settled_masks - 1
        settled = enough and max(distances) < self.spec.settled_distance
        if settled or iteration >= self.spec.last_step(self.iterations):
            return found, {iteration: newest}
        recent = sorted(at for at in drawn if at < iteration)[-self.spec.settled_masks + 1 :]
        return mask, {at: drawn[at] for at in recent} | {iteration: newest}

    def _kept(self, mask: Mask) -> Bool[Tensor, " entries"]:
        """What a mask keeps, one after the other: units where they are pruned, else weights."""
        if self.structure is not None:
            return torch.cat([group.kept(mask) for group in self.structure.groups])
        return torch.cat([keep.flatten() for keep in mask.values()])
