"""How a number of weights is shared out over layers: one function and one decorator each.

A distribution declares what it needs by the names of its parameters, and returns the density of
each layer, in [0, 1], so that about `kept` weights are left; `shared_out` rounds them to exactly
that number:

    layers      those that are shared out over, in the order of the network
    kept        how many weights of them are left
    spec        the recipe's `PruningSpec`

    @register_distribution("halves")
    def halves(layers, kept):
        relative = {layer.name: 0.5**place for place, layer in enumerate(layers)}
        return in_proportion(relative, layers, kept)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from ticket_hub.errors import PruningError
from ticket_hub.recipe import PruningSpec
from ticket_hub.recipe.axes import DISTRIBUTIONS
from ticket_hub.registry import supply
from ticket_hub.types import PrunableLayer

__all__ = [
    "DISTRIBUTIONS",
    "in_proportion",
    "register_distribution",
    "shared_out",
]

Densities: TypeAlias = Mapping[str, float]
Layers: TypeAlias = Sequence[PrunableLayer]

OUTPUT_DENSITY = 0.3
"""What smart ratios leave of the last layer (Su et al. 2020, SmartRatio.py: "linear")."""
_HALVINGS = 200  # of a bisection: more than a float can resolve


def register_distribution(
    name: str,
) -> Callable[[Callable[..., Densities]], Callable[..., Densities]]:
    """Register a function that gives each layer a density; see the module's docstring.

    Raises:
        PruningError: it asks for something else.
    """
    return DISTRIBUTIONS.register(name)


def shared_out(
    name: str, layers: Layers, kept: int, spec: PruningSpec | None = None
) -> dict[str, int]:
    """How many weights each layer keeps by a distribution; together exactly `kept`.

    Densities times sizes are rounded down, and the weights that are missing then go to the layers
    with the largest remainders.

    Args:
        spec: of the recipe, whose rates `rates` goes by.

    Raises:
        RecipeError: there is no such distribution.
        PruningError: it gave densities that are out of bounds or do not add up.
        ValueError: `kept` is out of bounds.
    """
    size = sum(layer.size for layer in layers)
    if not 0 <= kept <= size:
        raise ValueError(f"cannot keep {kept} of {size} weights")
    given: dict[str, Any] = {"layers": layers, "kept": kept, "spec": spec or PruningSpec()}
    shares = supply(DISTRIBUTIONS.get(name), given)
    exact = {layer.name: shares.get(layer.name, -1.0) * layer.size for layer in layers}
    bounded = all(0 <= exact[layer.name] <= layer.size * (1 + 1e-9) for layer in layers)
    # A density times a size may be a whole number but for rounding, just below it.
    counts = {layer: math.floor(value + 1e-9) for layer, value in exact.items()}
    missing = kept - sum(counts.values())
    if not bounded or not 0 <= missing <= len(layers):
        raise PruningError(
            f"The densities of {name!r} do not leave {kept} of {size} weights.",
            "Let its function return one density in [0, 1] for each layer, such as "
            "`ticket_hub.pruning.distribution.in_proportion` makes.",
        )
    # Stable: of equal remainders the earlier layer gets the weight.
    by_remainder = sorted(counts, key=lambda layer: counts[layer] - exact[layer])
    for layer in by_remainder[:missing]:
        counts[layer] += 1
    return counts


def in_proportion(relative: Densities, layers: Layers, kept: float) -> dict[str, float]:
    """Densities in proportion to some numbers above 0, so that `kept` weights are left.

    Layers that would get more than they have are dense, and the others share what is left, in the
    same proportion (Evci et al. 2020).

    Args:
        relative: by the name of a layer.
    """
    sizes = {layer.name: layer.size for layer in layers}
    dense: set[str] = set()
    while True:
        left = kept - sum(sizes[name] for name in dense)
        over = sum(relative[name] * sizes[name] for name in sizes if name not in dense)
        factor = left / over if over else 0.0
        full = {name for name in sizes if name not in dense and factor * relative[name] > 1}
        if not full:
            return {name: 1.0 if name in dense else factor * relative[name] for name in sizes}
        # Again, since what these layers cannot take may fill up others.
        dense |= full


@register_distribution("rates")
def rates(layers: Layers, kept: int, spec: PruningSpec) -> Densities:
    """As the ladder of the rates has it where it passes the density.

    Layer l keeps (1 - rate_l) ** x of its weights, or 1 - rate_l * x with the schedule `linear`,
    with one x for all.
    """
    each = {layer.name: spec.rate_of(layer) for layer in layers}
    linear = spec.schedule == "linear"

    def at(level: float) -> dict[str, float]:
        """The density of each layer after so many rounds, which need not be whole."""
        if linear:
            return {name: max(0.0, 1 - rate * level) for name, rate in each.items()}
        return {name: (1 - rate) ** level for name, rate in each.items()}

    def weights(level: float) -> float:
        """How many weights all layers keep after so many rounds."""
        found = at(level)
        return sum(layer.size * found[layer.name] for layer in layers)

    low, high = 0.0, 1.0
    while weights(high) > max(kept, 0.5):
        high *= 2
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if weights(middle) > kept else (low, middle)
    return at(high)


@register_distribution("uniform")
def uniform(layers: Layers, kept: int) -> Densities:
    """The same density for every layer."""
    return in_proportion(dict.fromkeys([layer.name for layer in layers], 1.0), layers, kept)


@register_distribution("erk")
def erk(layers: Layers, kept: int) -> Densities:
    """Erdos-Renyi-Kernel: density in proportion to the sum of the extents over their product.

    (Evci et al. 2020, RigL, section 3.)
    """
    return in_proportion(
        {layer.name: sum(layer.shape) / layer.size for layer in layers}, layers, kept
    )


@register_distribution("smart-ratio")
def smart_ratio(layers: Layers, kept: int) -> Densities:
    """Density in proportion to (L - i + 1)^2 + (L - i + 1) for layer i of L, the output at 0.3.

    (Su et al. 2020, "Sanity-Checking Pruning Methods: Random Tickets can Win the Jackpot", their
    SmartRatio.py.) Where a layer would get more than it has, they push the rest to the next one;
    here all others share it. The output is ranked among the others where 0.3 of it would be more
    than all that is kept.
    """
    return _smart(layers, kept, lambda place, last: (last - place + 1) * (last - place + 2))


@register_distribution("smart-ratio-vgg")
def smart_ratio_vgg(layers: Layers, kept: int) -> Densities:
    """As smart ratios, each divided by i^2: what Su et al. 2020 take for VGG."""
    return _smart(
        layers, kept, lambda place, last: (last - place + 1) * (last - place + 2) / place**2
    )


def _smart(layers: Layers, kept: int, relative: Callable[[int, int], float]) -> dict[str, float]:
    outputs = [layer for layer in layers if layer.kind == "output"]
    fixed = OUTPUT_DENSITY * sum(layer.size for layer in outputs)
    if fixed >= kept or len(outputs) == len(layers):
        outputs, fixed = [], 0.0
    others = [layer for layer in layers if layer not in outputs]
    numbers = {
        layer.name: relative(place, len(others)) for place, layer in enumerate(others, start=1)
    }
    found = dict.fromkeys([layer.name for layer in outputs], OUTPUT_DENSITY)
    room = sum(layer.size for layer in others)
    if kept - fixed > room:  # the others are whole before the output is
        return in_proportion(dict.fromkeys(found, 1.0), outputs, kept - room) | dict.fromkeys(
            numbers, 1.0
        )
    return found | in_proportion(numbers, others, kept - fixed)


@register_distribution("size")
def by_size(layers: Layers, kept: int) -> Densities:
    """Larger layers are pruned more: density in proportion to 1 / sqrt(size).

    A layer of four times the weights keeps twice as many. A rule of this project, of no paper.
    """
    return in_proportion({layer.name: layer.size**-0.5 for layer in layers}, layers, kept)


@register_distribution("depth")
def by_depth(layers: Layers, kept: int) -> Densities:
    """Deeper layers are pruned more: density in proportion to L - i + 1 for layer i of L.

    The first is L times as dense as the last. A rule of this project, of no paper.
    """
    last = len(layers)
    return in_proportion(
        {layer.name: float(last - place) for place, layer in enumerate(layers)}, layers, kept
    )
