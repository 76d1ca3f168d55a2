"""What is kept or dropped as one: one class and one decorator each.

Score -> reduce -> select -> apply. A criterion scores every weight; a granularity joins the weights
of a layer to entries, and sums up their scores; a ranking drops an exact number of entries; and
each entry that is dropped takes all of its weights out of the mask. Criterion and granularity never
know each other.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from ticket_hub.errors import PruningError
from ticket_hub.pruning.group import RankingGroup
from ticket_hub.pruning.select import drop_lowest
from ticket_hub.pruning.structure import Structure
from ticket_hub.recipe import PruningSpec
from ticket_hub.shapes import Bool
from ticket_hub.types import Mask, PrunableLayer, Weights

__all__ = [
    "AnyGranularity",
    "Granularity",
]


class AnyGranularity(ABC):
    """What is kept or dropped as one, within a layer or through several.

    Attributes:
        name: as the recipe has it; one class may serve many names, such as `2:4` and `1:4`.
        spec: of the recipe.
        structure: the units of the network, for classes that say `needs_structure = True`.
        takes_inputs: it is about the inputs of a layer, along axis 1 of its weight; transposed
            convolutions, whose outputs lie there, are refused.
    """

    needs_structure: ClassVar[bool] = False
    takes_inputs: ClassVar[bool] = False
    spec: PruningSpec
    structure: Structure

    def __init__(self, name: str) -> None:
        self.name = name

    @abstractmethod
    def groups(self, layers: Sequence[PrunableLayer]) -> tuple[RankingGroup, ...]:
        """The rankings, by what the recipe says of layers and scope.

        Raises:
            PruningError: it cannot be done on these layers.
        """

    @abstractmethod
    def weights(
        self, layers: Sequence[PrunableLayer], entries: Sequence[tuple[RankingGroup, int]]
    ) -> dict[str, int] | int:
        """The weights that each layer keeps, given the entries that each group keeps.

        Only the sum of all, where layers compete.
        """

    @abstractmethod
    def entries(self, group: RankingGroup, mask: Mask) -> int:
        """How many entries of a group a mask keeps."""

    @abstractmethod
    def prune(
        self, scores: Mapping[str, Tensor], mask: Mask, drops: Sequence[tuple[RankingGroup, int]]
    ) -> dict[str, Tensor]:
        """The mask after each group has dropped so many entries: bool, `(*layer)` each.

        Args:
            scores: of the layers that compete, in their order: `(*layer)` each.
        """

    def beside_scores(self, trained: Weights) -> dict[str, Tensor]:
        """What `prune` ranks by beside the scores of the layers, by the names of the weights."""
        del trained
        return {}

    @abstractmethod
    def shuffled(
        self, mask: Mask, generator: Callable[[str], torch.Generator]
    ) -> dict[str, Tensor]:
        """The entries in random order, each with what the mask keeps of it: bool, `(*layer)` each.

        Args:
            generator: gives the one of a layer, or of units that run through several, by its name.
        """


class Granularity(AnyGranularity):
    """How the weights of a layer are joined to entries of one size."""

    @abstractmethod
    def split(self, values: Tensor) -> Tensor:
        """A layer's values by entries: `(*layer)` -> `(entries, weights of each)`."""

    @abstractmethod
    def join(self, values: Tensor, shape: tuple[int, ...]) -> Tensor:
        """The opposite: `(entries, weights of each)` -> `(*layer)`, which is `shape`."""

    def reduce(self, scores: Tensor) -> Tensor:
        """What each entry is worth, by default the mean: `(entries, weights)` -> `(entries,)`."""
        return scores.mean(1)

    def select(
        self, worth: Mapping[str, Tensor], kept: Mask, count: int
    ) -> dict[str, Bool[Tensor, " entries"]]:
        """Drop exactly `count` of the entries that are kept, by default the least worth.

        Args:
            worth: by layer, of those that compete; `(entries,)` each.
            kept: by layer, of all; `(entries,)` each. The result has its names and shapes.
        """
        return drop_lowest(worth, kept, count)

    def sizes(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """The entries of a layer, and the weights of each."""
        entries, weights = self.split(torch.empty(shape, device="meta")).shape
        return entries, weights

    def kept(self, keep: Tensor) -> Bool[Tensor, " entries"]:
        """The entries of which a layer's mask keeps anything: bool `(*layer)` -> `(entries,)`."""
        return self.split(keep).any(1)

    def applied(self, keep: Tensor, kept: Bool[Tensor, " entries"]) -> Tensor:
        """A layer's mask without the entries that are not kept: bool `(*layer)`."""
        shape = tuple(keep.shape)
        each = math.prod(shape) // max(1, len(kept))
        return keep & self.join(kept.unsqueeze(1).expand(-1, each), shape)

    def groups(self, layers: Sequence[PrunableLayer]) -> tuple[RankingGroup, ...]:
        """The rankings: one for each layer with a rate, or one for all of them.

        Raises:
            PruningError: one ranking of all layers would have entries of several sizes, so that
                nobody knew beforehand how many weights go; or there is no entry to drop.
        """
        spec = self.spec
        chosen = [layer for layer in layers if spec.rate_of(layer) > 0]
        found = [
            RankingGroup(
                names=(layer.name,),
                size=size,
                rate=spec.rate_of(layer),
                linear=spec.schedule == "linear",
                each=each,
            )
            for layer in chosen
            for size, each in (self.sizes(layer.shape),)
        ]
        if spec.scope != "global":
            return tuple(found)
        # The exact count of weights is promised before training: with two sizes it would depend on
        # which go.
        if len({group.each for group in found}) > 1:
            raise PruningError(
                f"One ranking of all layers needs entries of one size, and those of the "
                f"granularity {spec.granularity!r} have "
                f"{' or '.join(sorted({f'{g.each:,}' for g in found}))} weights here.",
                "Set pruning.scope = 'layerwise'.",
            )
        names = tuple(layer.name for layer in chosen)
        size = sum(group.size for group in found)
        return (RankingGroup(names=names, size=size, **_rates(found[0])),)

    def weights(
        self, layers: Sequence[PrunableLayer], entries: Sequence[tuple[RankingGroup, int]]
    ) -> dict[str, int] | int:
        """What each layer keeps: `each` weights an entry; only the sum where layers compete."""
        found = {layer.name: layer.size for layer in layers}
        if self.spec.scope == "global":
            ((group, kept),) = entries
            whole = sum(found[name] for name in group.names)
            return sum(found.values()) - whole + group.each * kept
        return found | {group.names[0]: group.each * kept for group, kept in entries}

    def entries(self, group: RankingGroup, mask: Mask) -> int:
        """How many entries of a group a mask keeps."""
        return sum(int(self.kept(mask[name]).sum()) for name in group.names)

    def prune(
        self, scores: Mapping[str, Tensor], mask: Mask, drops: Sequence[tuple[RankingGroup, int]]
    ) -> dict[str, Tensor]:
        """Score each entry of a layer by `reduce`, and drop by `select`."""
        worth = {name: self.reduce(self.split(score)) for name, score in scores.items()}
        kept: Mask = {name: self.kept(keep) for name, keep in mask.items()}
        for group, count in drops:
            kept = self.select({name: worth[name] for name in group.names}, kept, count)
        return {name: self.applied(keep, kept[name]) for name, keep in mask.items()}

    def shuffled(
        self, mask: Mask, generator: Callable[[str], torch.Generator]
    ) -> dict[str, Tensor]:
        """The entries of each layer in random order, each with what the mask keeps of it."""
        return {
            name: self.join(_in_order(self.split(keep), generator(name)), tuple(keep.shape))
            for name, keep in mask.items()
        }


def _rates(group: RankingGroup) -> dict[str, Any]:
    return {"rate": group.rate, "linear": group.linear, "each": group.each}


def _in_order(entries: Tensor, generator: torch.Generator) -> Tensor:
    return entries[torch.randperm(len(entries), generator=generator).to(entries.device)]
