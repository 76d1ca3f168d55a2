"""What a mask is and what can be asked of it."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from ticket_hub.errors import MaskMismatchError
from ticket_hub.types import Mask, PrunableLayer, Weights

__all__ = ["check_alignment", "density", "full_mask", "kept", "masked"]


def full_mask(layers: Iterable[PrunableLayer]) -> dict[str, Tensor]:
    """The mask that keeps everything."""
    return {layer.name: torch.ones(layer.shape, dtype=torch.bool) for layer in layers}


def kept(mask: Mask) -> int:
    """Number of weights that the mask keeps."""
    return sum(int(keep.sum()) for keep in mask.values())


def density(mask: Mask) -> float:
    """Kept weights over prunable weights; biases and norms are never counted."""
    return kept(mask) / sum(keep.numel() for keep in mask.values())


def masked(weights: Weights, mask: Mask) -> dict[str, Tensor]:
    """A copy of the weights with everything that the mask drops set to exactly 0."""
    check_alignment(weights, mask)
    return {
        name: torch.where(mask[name], value, torch.zeros_like(value))
        if name in mask
        else value.clone()
        for name, value in weights.items()
    }


def check_alignment(weights: Weights, mask: Mask) -> None:
    """Refuse a mask that is not of these weights.

    Raises:
        MaskMismatchError: a masked layer is missing from the weights or has another shape.
    """
    for name, keep in mask.items():
        if name not in weights:
            raise MaskMismatchError(
                f"The mask has a layer {name!r} that the network has not.",
                "Use the mask with the network it was made for.",
            )
        if keep.shape != weights[name].shape:
            raise MaskMismatchError(
                f"The mask of {name!r} has shape {tuple(keep.shape)}, "
                f"but the weights have {tuple(weights[name].shape)}.",
                "Use the mask with the network it was made for.",
            )
