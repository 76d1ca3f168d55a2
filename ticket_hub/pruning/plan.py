"""How many weights each level keeps: known before anything is trained."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from ticket_hub.errors import PruningError
from ticket_hub.pruning.distribution import shared_out
from ticket_hub.pruning.granularity import granularity_of
from ticket_hub.pruning.granularity_base import AnyGranularity
from ticket_hub.pruning.group import RankingGroup
from ticket_hub.pruning.structure import Structure
from ticket_hub.recipe import PruningSpec
from ticket_hub.registry import there_are
from ticket_hub.types import PrunableLayer

__all__ = ["groups", "kept_at", "ladder", "targets"]

_HALVINGS = 200  # of the bisection: more than a float can resolve


def groups(
    spec: PruningSpec, layers: Iterable[PrunableLayer], structure: Structure | None = None
) -> tuple[RankingGroup, ...]:
    """The rankings of a spec: one for each layer with a rate, or one for all of them.

    Args:
        structure: the units of the network, for the granularities that ask for them.

    Raises:
        PruningError: no layer is of a kind that has a rate; or a layer is named that is not there,
            or whose units cannot be dropped; or one ranking of all layers would have
            entries of several sizes, so that nobody knew beforehand how many weights go.
        RecipeError: nobody has registered the granularity.
    """
    layers = tuple(layers)
    names = [layer.name for layer in layers]
    fixed = structure.fixed if structure is not None else {}
    for pattern, rate in spec.layer_rates.items():
        named = [name for name in names if fnmatchcase(name, pattern)]
        if not named:
            raise PruningError(
                f"pruning.layer_rates names {pattern[:100]!r}, and no layer has such a name.",
                there_are(pattern, names),
            )
        if rate and all(name in fixed for name in named):
            raise PruningError(
                f"pruning.layer_rates names {pattern[:100]!r}, and no unit can be dropped there: "
                f"{named[0]}: {fixed[named[0]]}.",
                "Leave it out, or set pruning.granularity = 'weight'.",
            )
    if not any(spec.rate_of(layer) > 0 for layer in layers):
        have = ", ".join(sorted({layer.kind for layer in layers})) or "no prunable layer"
        rates = ", ".join(sorted({**spec.rates, **spec.layer_rates}))
        raise PruningError(
            f"There is nothing to prune: pruning.rates names {rates}, but the network has {have}.",
            "Give a rate to a kind of layer that the network has.",
        )
    return granularity_of(spec, structure).groups(layers)


def targets(
    spec: PruningSpec,
    layers: Iterable[PrunableLayer],
    level: int,
    structure: Structure | None = None,
) -> tuple[int, ...]:
    """The number of entries that each group keeps at a level, in the order of `groups`.

    Raises:
        PruningError: nothing to prune, or the target density cannot be reached.
    """
    layers = tuple(layers)
    chosen = groups(spec, layers, structure)
    target = spec.target(level)
    if target is None:
        left = tuple(group.survivors(level) for group in chosen)
        return (
            _distributed(spec, layers, chosen, sum(left)) if spec.distribution != "rates" else left
        )
    total = sum(layer.size for layer in layers)
    granularity = granularity_of(spec, structure)
    fixed = _sum(granularity, layers, chosen, [0] * len(chosen))
    wanted = round(target * total)
    if wanted < fixed:
        raise PruningError(
            f"The density {target:g} cannot be reached: "
            f"{fixed} of {total} weights are of kinds without a rate.",
            "Give those kinds a rate, or choose a higher density.",
        )
    if granularity.needs_structure:
        return _shared_units(granularity, layers, chosen, wanted)
    shares = _distributed(spec, layers, chosen, wanted - fixed)
    return tuple(round(share / group.each) for group, share in zip(chosen, shares, strict=True))


def kept_at(
    spec: PruningSpec,
    layers: Iterable[PrunableLayer],
    level: int,
    structure: Structure | None = None,
) -> dict[str, int] | int:
    """The weights that each layer keeps at a level; only their sum, where layers compete.

    Raises:
        PruningError: nothing to prune, or the target density cannot be reached.
    """
    layers = tuple(layers)
    chosen = groups(spec, layers, structure)
    entries = [*zip(chosen, targets(spec, layers, level, structure), strict=True)]
    return granularity_of(spec, structure).weights(layers, entries)


def ladder(
    spec: PruningSpec,
    layers: Iterable[PrunableLayer],
    levels: int,
    structure: Structure | None = None,
) -> tuple[int, ...]:
    """The number of kept weights of the whole network at levels 0 to `levels`.

    The same for iterative and one-shot pruning; all weights of an entry count. With
    `spec.target_density` or `spec.densities`, a level keeps exactly `round(density * prunable)`;
    layers that are ranked by themselves share that number as the ladder of their rates would where
    it passes the density: layer l keeps size * (1 - rate_l) ** x (or 1 - rate_l * x), with x the
    same for all, rounded to the largest remainders. Units reach it as nearly as whole units can.

    Args:
        structure: the units of the network, for the granularities that ask for them.

    Raises:
        PruningError: nothing to prune, or the target density cannot be reached.
    """
    layers = tuple(layers)
    found = (kept_at(spec, layers, level, structure) for level in range(levels + 1))
    return tuple(kept if isinstance(kept, int) else sum(kept.values()) for kept in found)


def _sum(
    granularity: AnyGranularity,
    layers: Sequence[PrunableLayer],
    chosen: Sequence[RankingGroup],
    entries: Sequence[int],
) -> int:
    kept = granularity.weights(layers, [*zip(chosen, entries, strict=True)])
    return kept if isinstance(kept, int) else sum(kept.values())


def _distributed(
    spec: PruningSpec, layers: Sequence[PrunableLayer], chosen: Sequence[RankingGroup], kept: int
) -> tuple[int, ...]:
    if spec.scope == "global":
        return (kept,)
    names = {group.names[0] for group in chosen}
    among = [each for each in layers if each.name in names]
    counts = shared_out(spec.distribution, among, kept, spec)
    return tuple(counts[group.names[0]] for group in chosen)


def _shared_units(
    granularity: AnyGranularity,
    layers: Sequence[PrunableLayer],
    chosen: Sequence[RankingGroup],
    wanted: int,
) -> tuple[int, ...]:
    """As many units as their rates would leave at one fractional level, `wanted` weights at most.

    At least one of each group.
    """

    def at(level: float) -> list[int]:
        """The entries that each group keeps after so many rounds: one at least."""
        return [max(1, round(group.size * group.share(level))) for group in chosen]

    low, high = 0.0, 1.0
    while _sum(granularity, layers, chosen, at(high)) > wanted and max(at(high)) > 1:
        high *= 2
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        over = _sum(granularity, layers, chosen, at(middle)) > wanted
        low, high = (middle, high) if over else (low, middle)
    return tuple(at(high))
