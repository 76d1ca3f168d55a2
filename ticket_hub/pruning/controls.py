"""Masks of the controls: what a ticket's mask has to beat. Pure functions of a seed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor

from ticket_hub.errors import PruningError
from ticket_hub.pruning.granularity import granularity_of
from ticket_hub.pruning.granularity_base import AnyGranularity
from ticket_hub.pruning.masks import full_mask
from ticket_hub.pruning.select import drop_lowest
from ticket_hub.recipe import PruningSpec
from ticket_hub.recipe.pruning_spec import LAYER_KINDS
from ticket_hub.seeds import derive_seed
from ticket_hub.types import Mask, PrunableLayer

__all__ = ["permuted", "random_mask", "random_mask_like", "shuffled_mask"]

_ATTEMPTS = 100


def shuffled_mask(
    mask: Mask, seed: int, granularity: AnyGranularity | None = None
) -> dict[str, Tensor]:
    """The same number of kept entries in every layer, at random places: bool, `(*layer)` each.

    It never equals the given mask, unless no other mask has those counts: when every layer keeps
    all of its weights, or none.

    Args:
        granularity: what is moved as one; weights where it is not given.

    Raises:
        PruningError: a hundred shuffles all gave the mask itself.
    """
    moved = granularity or granularity_of(PruningSpec())
    for attempt in range(_ATTEMPTS):
        shuffled = moved.shuffled(mask, partial(_generator, seed, "shuffle", attempt))
        if _differ(shuffled, mask) or not _can_differ(mask):
            return shuffled
    raise PruningError(
        f"{_ATTEMPTS} shuffles of a mask all gave the mask itself.",
        "The mask is too small for a control: use a larger network, or another level.",
    )


def random_mask_like(
    mask: Mask, seed: int, granularity: AnyGranularity | None = None
) -> dict[str, Tensor]:
    """A random mask with the per-layer counts of another: bool, `(*layer)` each.

    It may equal the other by chance. Another stream of random numbers than `shuffled_mask`, so that
    both can stand side by side.

    Args:
        granularity: what is drawn as one; weights where it is not given.
    """
    drawn = granularity or granularity_of(PruningSpec())
    return drawn.shuffled(mask, partial(_generator, seed, "random-mask"))


def _generator(seed: int, *parts: int | str) -> torch.Generator:
    return torch.Generator().manual_seed(derive_seed(seed, *parts))


def random_mask(
    layers: Iterable[PrunableLayer],
    kept: int | Mapping[str, int],
    seed: int,
    *,
    kinds: Sequence[str] = LAYER_KINDS,
) -> dict[str, Tensor]:
    """Keep uniformly random weights of the layers of some kinds; other kinds stay dense.

    The mask is bool, `(*layer)` each.

    Args:
        kept: how many weights of each layer by name, or of all these layers together.

    Raises:
        PruningError: a layer has not so many weights, or its number is missing.
    """
    layers = tuple(layers)
    chosen = [layer for layer in layers if layer.kind in kinds]
    if not isinstance(kept, Mapping):
        return _drop(layers, chosen, kept, seed)
    mask = full_mask(layers)
    for layer in chosen:
        mask |= _drop([layer], [layer], kept.get(layer.name, -1), seed)
    return mask


def _drop(
    layers: Sequence[PrunableLayer], chosen: Sequence[PrunableLayer], kept: int, seed: int
) -> dict[str, Tensor]:
    size = sum(layer.size for layer in chosen)
    if not 0 <= kept <= size:
        names = ", ".join(layer.name for layer in chosen)
        raise PruningError(
            f"A random mask cannot keep {kept} of the {size} weights of {names}.",
            "Give every layer a number from 0 to its size.",
        )
    scores = {layer.name: _uniform(layer, seed) for layer in chosen}
    return drop_lowest(scores, full_mask(layers), size - kept) if chosen else full_mask(layers)


def _uniform(layer: PrunableLayer, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(derive_seed(seed, "random-mask", layer.name))
    return torch.rand(layer.shape, dtype=torch.float64, generator=generator)


def permuted(values: Tensor, seed: int, name: str) -> Tensor:
    """The values of one layer in random order.

    Shapes:
        any; the result has the same.
    """
    return _permuted(values, derive_seed(seed, "shuffled-values", name))


def _permuted(keep: Tensor, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(keep.numel(), generator=generator).to(keep.device)
    return keep.flatten()[order].view(keep.shape)


def _differ(one: Mask, other: Mask) -> bool:
    return any(not torch.equal(keep, other[name]) for name, keep in one.items())


def _can_differ(mask: Mask) -> bool:
    return any(0 < int(keep.sum()) < keep.numel() for keep in mask.values())
