"""From one level's mask to the next."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from ticket_hub.pruning.masks import check_alignment
from ticket_hub.recipe import PruningSpec
from ticket_hub.types import Mask, PrunableLayer, Weights

__all__ = ["next_mask"]


def next_mask(
    spec: PruningSpec, layers: Iterable[PrunableLayer], trained: Weights, mask: Mask
) -> dict[str, Tensor]:
    """Prune one round: exactly `round(rate * kept)` of each layer, ties by position."""
    check_alignment(trained, mask)
    result = {}
    for layer in layers:
        keep = mask[layer.name].flatten()
        count = round(spec.rates.get(layer.kind, 0.0) * int(keep.sum()))
        score = trained[layer.name].abs().flatten().masked_fill(~keep, torch.inf)
        drop = score.argsort(stable=True)[:count]
        result[layer.name] = keep.index_fill(0, drop, value=False).view(layer.shape)
    return result
