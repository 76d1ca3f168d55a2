"""How many weights each level keeps: known before anything is trained."""

from __future__ import annotations

import dataclasses
import math
import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ticket_hub.errors import PruningError
from ticket_hub.pruning.granularity import granularity_of
from ticket_hub.recipe import PruningSpec
from ticket_hub.types import PrunableLayer

__all__ = ["Group", "groups", "ladder", "targets"]

_HALVINGS = 200  # of the bisection: more than a float can resolve


@dataclass(frozen=True, kw_only=True)
class Group:
    """Layers that compete in one ranking.

    Attributes:
        names: of the layers, in the order of the network.
        size: entries in all of them, pruned or not: what the granularity keeps or drops as one.
        rate: share that goes each round: of the kept entries, or, where it is `linear`, of all.
        linear: whether every round drops as many.
        each: weights of an entry.
    """

    names: tuple[str, ...]
    size: int
    rate: float
    linear: bool = False
    each: int = 1

    def drop(self, kept: int) -> int:
        """How many of the kept entries go in the next round: rounded half to even.

        Where a linear round would drop less than one entry, rounds that drop none are passed over.
        """
        if not self.linear:
            return round(self.rate * kept)
        dropped, each = self.size - kept, self.rate * self.size
        rounds = int(dropped / each)
        while round(each * rounds) <= dropped:
            rounds += 1
        return min(kept, round(each * rounds) - dropped)

    def weights_at(self, level: float) -> float:
        """Weights that are left at a level, which may lie between two."""
        share = max(0.0, 1 - self.rate * level) if self.linear else (1 - self.rate) ** level
        return self.size * self.each * share


def groups(spec: PruningSpec, layers: Iterable[PrunableLayer]) -> tuple[Group, ...]:
    """The rankings of a spec: one for each layer with a rate, or one for all of them.

    Raises:
        PruningError: no layer is of a kind that has a rate; or one ranking of all layers would have
            entries of several sizes, so that nobody knew beforehand how many weights go.
        RecipeError: nobody has registered the granularity.
    """
    layers = tuple(layers)
    chosen = [layer for layer in layers if spec.rates.get(layer.kind, 0.0) > 0]
    if not chosen:
        have = ", ".join(sorted({layer.kind for layer in layers})) or "no prunable layer"
        named = ", ".join(sorted(spec.rates))
        raise PruningError(
            f"There is nothing to prune: pruning.rates names {named}, but the network has {have}.",
            "Give a rate to a kind of layer that the network has.",
        )
    granularity = granularity_of(spec.granularity)
    found = [
        Group(
            names=(layer.name,),
            size=size,
            rate=spec.rates[layer.kind],
            linear=spec.schedule == "linear",
            each=each,
        )
        for layer in chosen
        for size, each in (granularity.sizes(layer.shape),)
    ]
    if spec.scope != "global":
        return tuple(found)
    if len({group.each for group in found}) > 1:
        raise PruningError(
            f"One ranking of all layers needs entries of one size, and those of the granularity "
            f"{spec.granularity!r} have {' or '.join(sorted({f'{g.each:,}' for g in found}))} "
            "weights here.",
            "Set pruning.scope = 'layerwise'.",
        )
    names = tuple(layer.name for layer in chosen)
    size = sum(group.size for group in found)
    return (dataclasses.replace(found[0], names=names, size=size),)


def targets(spec: PruningSpec, layers: Iterable[PrunableLayer], level: int) -> tuple[int, ...]:
    """The number of entries that each group keeps at a level, in the order of `groups`.

    Raises:
        PruningError: nothing to prune, or the target density cannot be reached.
    """
    layers = tuple(layers)
    chosen = groups(spec, layers)
    if spec.target_density is None or level == 0:
        return tuple(_survivors(group, level) for group in chosen)
    total = sum(layer.size for layer in layers)
    fixed = total - sum(group.size * group.each for group in chosen)
    wanted = round(spec.target_density * total) - fixed
    if wanted < 0:
        raise PruningError(
            f"pruning.target_density = {spec.target_density:g} cannot be reached: "
            f"{fixed} of {total} weights are of kinds without a rate.",
            "Give those kinds a rate, or choose a higher density.",
        )
    shares = _share(chosen, wanted)
    return tuple(round(share / group.each) for group, share in zip(chosen, shares, strict=True))


def ladder(spec: PruningSpec, layers: Iterable[PrunableLayer], levels: int) -> tuple[int, ...]:
    """The number of kept weights of the whole network at levels 0 to `levels`.

    The same for iterative and one-shot pruning; all weights of an entry count. With
    `spec.target_density`, all levels above 0 keep exactly `round(density * prunable)` weights;
    layers that are ranked by themselves share that number as the ladder of their rates would where
    it passes the density: layer l keeps size * (1 - rate_l) ** x (or 1 - rate_l * x), with x the
    same for all, rounded to the largest remainders.

    Raises:
        PruningError: nothing to prune, or the target density cannot be reached.
    """
    layers = tuple(layers)
    each = [group.each for group in groups(spec, layers)]
    fixed = sum(layer.size for layer in layers) - sum(
        group.size * group.each for group in groups(spec, layers)
    )
    return tuple(
        fixed + sum(map(operator.mul, each, targets(spec, layers, level)))
        for level in range(levels + 1)
    )


def _survivors(group: Group, level: int) -> int:
    kept = group.size
    for _ in range(level):
        kept -= group.drop(kept)
    return kept


def _share(chosen: Sequence[Group], wanted: int) -> tuple[int, ...]:
    """Split `wanted` over the groups as their rates would at one common, fractional level."""
    low, high = 0.0, 1.0
    while sum(_at(chosen, high)) > max(wanted, 0.5):
        high *= 2
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if sum(_at(chosen, middle)) > wanted else (low, middle)
    exact = _at(chosen, high)
    counts = [math.floor(value) for value in exact]
    by_remainder = sorted(range(len(counts)), key=lambda g: counts[g] - exact[g])
    for index in by_remainder[: wanted - sum(counts)]:
        counts[index] += 1
    return tuple(counts)


def _at(chosen: Sequence[Group], level: float) -> list[float]:
    return [group.weights_at(level) for group in chosen]
