"""Structured pruning: neurons, filters and attention heads, whole."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from ticket_hub.errors import PruningError
from ticket_hub.pruning.granularity import Granularity, register_granularity
from ticket_hub.pruning.group import Group
from ticket_hub.pruning.select import drop_lowest
from ticket_hub.pruning.structure import UnitGroup
from ticket_hub.types import Mask, PrunableLayer

__all__ = ["OfUnit"]


@register_granularity("unit")
class OfUnit(Granularity):
    """Neurons, filters and attention heads, each with all that comes in and goes out.

    Units of several layers that can only go together, as under a residual sum, are one group. A
    unit is worth the sum of the scores of what comes in, in all layers of the group: with
    `magnitude` its L1 norm. `pruning.norm = "l2"` squares the scores first. Dropping it empties its
    rows and its consumers' columns, so that its bias and its norm have no effect.
    """

    needs_structure = True

    def split(self, values: Tensor) -> Tensor:
        """Unused: units run through several layers."""
        raise NotImplementedError

    def join(self, values: Tensor, shape: tuple[int, ...]) -> Tensor:
        """Unused: units run through several layers."""
        raise NotImplementedError

    def groups(self, layers: Sequence[PrunableLayer]) -> tuple[Group, ...]:
        """One ranking for each group of coupled layers, at the lowest rate of its layers' kinds.

        Raises:
            PruningError: no unit of a kind with a rate can be dropped; or all were to compete.
        """
        if self.spec.scope == "global":
            raise PruningError(
                "Units of all layers in one ranking would leave each trial another number of "
                "weights.",
                "Set pruning.scope = 'layerwise'.",
            )
        kinds = {layer.name: layer.kind for layer in layers}
        found = []
        for group in self.structure.groups:
            names = group.producers(kinds)
            rate = min(self.spec.rates.get(kinds[name], 0.0) for name in names)
            if rate > 0:
                linear = self.spec.schedule == "linear"
                found.append(Group(names=names, size=group.size, rate=rate, linear=linear))
        if not found:
            reasons = [f"{name}: {why}" for name, why in self.structure.fixed.items()]
            raise PruningError(
                f"No unit of a kind that has a rate can be dropped: {'; '.join(reasons[:5])}.",
                "Give the kinds of other layers a rate, or set pruning.granularity = 'weight'.",
            )
        return tuple(found)

    def weights(
        self, layers: Sequence[PrunableLayer], entries: Sequence[tuple[Group, int]]
    ) -> dict[str, int]:
        """The weights that each layer keeps: rows that are left times columns that are left."""
        gone = {group.names[0]: group.size - kept for group, kept in entries}
        found = {}
        for layer in layers:
            rows, columns = layer.shape[:2]
            for units in self.structure.groups:
                count = gone.get(units.name, 0)
                if layer.name in units.rows:
                    rows -= count * units.rows[layer.name].shape[1]
                if layer.name in units.columns:
                    columns -= count * units.columns[layer.name].shape[1]
            found[layer.name] = rows * columns * math.prod(layer.shape[2:])
        return found

    def entries(self, group: Group, mask: Mask) -> int:
        """How many units of a group a mask keeps."""
        return int(self._units(group).kept(mask).sum())

    def prune(
        self, scores: Mapping[str, Tensor], mask: Mask, drops: Sequence[tuple[Group, int]]
    ) -> dict[str, Tensor]:
        """Drop so many units of each group, those whose incoming weights are worth the least."""
        result = {name: keep.clone() for name, keep in mask.items()}
        for group, count in drops:
            units = self._units(group)
            kept = {units.name: units.kept(mask)}
            worth = sum(self._incoming(units, name, scores[name], mask) for name in group.names)
            assert isinstance(worth, Tensor)
            left = drop_lowest({units.name: worth}, kept, count)[units.name]
            units.clear(result, kept[units.name] & ~left)
        return result

    def shuffled(
        self, mask: Mask, generator: Callable[[str], torch.Generator]
    ) -> dict[str, Tensor]:
        """The units of each group in random order, in all layers that they run through."""
        result = {name: keep.clone() for name, keep in mask.items()}
        for units in self.structure.groups:
            order = torch.randperm(units.size, generator=generator(units.name))
            units.reorder(result, order)
        return result

    def _units(self, group: Group) -> UnitGroup:
        return next(each for each in self.structure.groups if each.name == group.names[0])

    def _incoming(self, units: UnitGroup, name: str, score: Tensor, mask: Mask) -> Tensor:
        """The worth of what comes into each unit in one layer: `(units,)`."""
        worth = score.double().masked_fill(~mask[name], 0)
        if self.spec.norm == "l2":
            worth = worth * worth.abs()  # scores may be negative
        return worth.flatten(1).sum(1)[units.rows[name]].sum(1)
