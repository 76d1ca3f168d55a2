"""Structured pruning: neurons, filters and attention heads, whole."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from ticket_hub.errors import PruningError
from ticket_hub.pruning.granularity import register_granularity
from ticket_hub.pruning.granularity_base import AnyGranularity
from ticket_hub.pruning.group import RankingGroup
from ticket_hub.pruning.select import drop_lowest
from ticket_hub.pruning.structure import UnitGroup
from ticket_hub.types import Mask, PrunableLayer, Weights

__all__ = ["OfUnit"]


@register_granularity("unit")
class OfUnit(AnyGranularity):
    """Neurons, filters and attention heads, each with all that comes in and goes out.

    Units of several layers that can only go together, as under a residual sum, are one group. A
    unit is worth the sum of the scores of what comes in, in all layers of the group: with
    `magnitude` its L1 norm. `pruning.norm = "l2"` squares the scores first, and `"gamma"` takes
    the size of the scales of the norms that the unit runs through instead (Liu et al. 2017, network
    slimming). Dropping it empties its
    rows and its consumers' columns, so that its bias and its norm have no effect.
    """

    needs_structure = True

    def groups(self, layers: Sequence[PrunableLayer]) -> tuple[RankingGroup, ...]:
        """One ranking for each group of coupled layers, at the lowest rate of its layers' kinds.

        With the scope `global`, one for all of them.

        Raises:
            PruningError: no unit of a kind with a rate can be dropped.
        """
        known = {layer.name: layer for layer in layers}
        linear = self.spec.schedule == "linear"
        found = []
        for units in self.structure.groups:
            names = units.producers(known)
            rate = min(self.spec.rate_of(known[name]) for name in names)
            if rate > 0:
                found.append(RankingGroup(names=names, size=units.size, rate=rate, linear=linear))
        if not found:
            reasons = [f"{name}: {why}" for name, why in self.structure.fixed.items()]
            raise PruningError(
                f"No unit of a kind that has a rate can be dropped: {'; '.join(reasons[:5])}.",
                "Give the kinds of other layers a rate, or set pruning.granularity = 'weight'.",
            )
        if self.spec.scope != "global":
            return tuple(found)
        names = tuple(name for group in found for name in group.names)
        size = sum(group.size for group in found)
        return (RankingGroup(names=names, size=size, rate=found[0].rate, linear=linear),)

    def weights(
        self, layers: Sequence[PrunableLayer], entries: Sequence[tuple[RankingGroup, int]]
    ) -> dict[str, int] | int:
        """The weights that each layer keeps: rows that are left times columns that are left.

        Where units of all layers compete, what would be left if each lost the same share.
        """
        gone = {
            units.name: units.size * (1 - kept / group.size)
            for group, kept in entries
            for units in self._units(group)
        }
        found = {}
        for layer in layers:
            rows, columns = map(float, layer.shape[:2])
            for units in self.structure.groups:
                count = gone.get(units.name, 0)
                if layer.name in units.rows:
                    rows -= count * units.rows[layer.name].shape[1]
                if layer.name in units.columns:
                    columns -= count * units.columns[layer.name].shape[1]
            found[layer.name] = rows * columns * math.prod(layer.shape[2:])
        if self.spec.scope == "global":
            return round(sum(found.values()))
        return {name: round(kept) for name, kept in found.items()}

    def entries(self, group: RankingGroup, mask: Mask) -> int:
        """How many units of a group a mask keeps."""
        return sum(int(units.kept(mask).sum()) for units in self._units(group))

    def prune(
        self, scores: Mapping[str, Tensor], mask: Mask, drops: Sequence[tuple[RankingGroup, int]]
    ) -> dict[str, Tensor]:
        """Drop so many units of each group, those whose incoming weights are worth the least.

        The mask is bool, `(*layer)` each. Where units of all layers compete, each is worth what it
        is beside the mean of those that are left of its group (Fang et al. 2023, DepGraph).
        """
        result = {name: keep.clone() for name, keep in mask.items()}
        for group, count in drops:
            together = {units.name: units for units in self._units(group)}
            kept = {name: units.kept(mask) for name, units in together.items()}
            worth = {name: self._worth(units, scores, mask) for name, units in together.items()}
            if self.spec.scope == "global":
                worth = {name: _beside_mean(each, kept[name]) for name, each in worth.items()}
            left = drop_lowest(worth, kept, count)
            for name, units in together.items():
                units.clear(result, kept[name] & ~left[name])
        return result

    def beside_scores(self, trained: Weights) -> dict[str, Tensor]:
        """With `pruning.norm = "gamma"` the scale of each norm that units run through."""
        groups = self.structure.groups if self.spec.norm == "gamma" else ()
        return {name: trained[name].abs() for units in groups for name in _scales(units, trained)}

    def shuffled(
        self, mask: Mask, generator: Callable[[str], torch.Generator]
    ) -> dict[str, Tensor]:
        """The units of each group in random order, in all layers: bool, `(*layer)` each."""
        result = {name: keep.clone() for name, keep in mask.items()}
        for units in self.structure.groups:
            order = torch.randperm(units.size, generator=generator(units.name))
            units.reorder(result, order)
        return result

    def _units(self, group: RankingGroup) -> list[UnitGroup]:
        return [units for units in self.structure.groups if units.name in group.names]

    def _worth(self, units: UnitGroup, scores: Mapping[str, Tensor], mask: Mask) -> Tensor:
        """The worth of what comes into each unit, in all layers that give it: `(units,)`."""
        total = torch.zeros(units.size, dtype=torch.float64)
        if self.spec.norm == "gamma":
            scales = _scales(units, scores)
            if not scales:
                raise PruningError(
                    f"The units of {units.name!r} run through no norm that has a scale for each.",
                    "Set pruning.norm = 'l1', or take a network with batch norms.",
                )
            for name in scales:
                total += scores[name].double()[units.rows[name]].sum(1)
            return total
        for name in units.producers(scores):
            worth, keep = scores[name], mask[name]
            if not bool(keep.view(torch.uint8).amin()):
                worth = worth.masked_fill(~keep, 0)
            if self.spec.norm == "l2":
                worth = worth.double()
                worth = worth * worth.abs()  # scores may be negative
            rows = worth.flatten(1).sum(1, dtype=torch.float64)
            total += rows[units.rows[name]].sum(1)
        return total


def _scales(units: UnitGroup, values: Mapping[str, Tensor]) -> list[str]:
    """The vectors of a group whose numbers multiply its units: weights of norms."""
    return [
        name
        for name in units.rows
        if name.endswith(".weight") and name in values and values[name].ndim == 1
    ]


def _beside_mean(worth: Tensor, kept: Tensor) -> Tensor:
    mean = worth[kept].mean() if kept.any() else torch.tensor(1.0)
    return worth / mean.abs().clamp(min=torch.finfo(torch.float64).tiny)
