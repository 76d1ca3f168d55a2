"""How a number of weights is shared out over layers, other than by their rates."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ticket_hub.types import PrunableLayer

__all__ = ["erk", "shared_out"]


def shared_out(name: str, layers: Sequence[PrunableLayer], kept: int) -> dict[str, int]:
    """How many weights each layer keeps, by `uniform` or `erk`; together exactly `kept`.

    Raises:
        ValueError: there is no such distribution, or `kept` is out of bounds.
    """
    size = sum(layer.size for layer in layers)
    if not 0 <= kept <= size:
        raise ValueError(f"cannot keep {kept} of {size} weights")
    shares = {"uniform": uniform, "erk": erk}[name](layers, kept)
    exact = {layer.name: shares[layer.name] * layer.size for layer in layers}
    counts = {layer: math.floor(value + 1e-9) for layer, value in exact.items()}
    by_remainder = sorted(counts, key=lambda layer: counts[layer] - exact[layer])
    for layer in by_remainder[: kept - sum(counts.values())]:
        counts[layer] += 1
    return counts


def uniform(layers: Sequence[PrunableLayer], kept: int) -> dict[str, float]:
    """The same density for every layer."""
    return dict.fromkeys(
        [layer.name for layer in layers], kept / max(1, sum(layer.size for layer in layers))
    )


def erk(layers: Sequence[PrunableLayer], kept: int) -> dict[str, float]:
    """Erdos-Renyi-Kernel: density in proportion to the sum of the extents over their product.

    (Evci et al. 2020, RigL, section 3.) Layers that it would give more than they have are dense,
    and the others share what is left.

    Returns:
        The density of each layer, in [0, 1].
    """
    raw = {layer.name: sum(layer.shape) / layer.size for layer in layers}
    sizes = {layer.name: layer.size for layer in layers}
    dense: set[str] = set()
    while True:
        left = kept - sum(sizes[name] for name in dense)
        over = sum(raw[name] * sizes[name] for name in sizes if name not in dense)
        factor = left / over if over else 0.0
        full = {name for name in sizes if name not in dense and factor * raw[name] > 1}
        if not full:
            break
        dense |= full
    return {name: 1.0 if name in dense else factor * raw[name] for name in sizes}
