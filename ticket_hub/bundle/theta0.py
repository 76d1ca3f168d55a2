"""Starting weights as tensors of a file: dense, or only what a mask keeps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from ticket_hub.bundle.network import Signature
from ticket_hub.bundle.packing import pack, packed_size, unpack
from ticket_hub.content_id import count_kept, positions_of, survivors_of
from ticket_hub.errors import BundleFormatError
from ticket_hub.types import Mask, Weights

__all__ = [
    "expand",
    "only_signs",
    "refuse_nonfinite",
    "sign_bits",
    "sign_bits_shapes",
    "signs_from_bits",
    "survivors",
    "survivors_shapes",
]

Shapes = dict[str, tuple[torch.dtype, tuple[int, ...]]]


def survivors(theta0: Weights, mask: Mask) -> dict[str, Tensor]:
    """Only what the mask keeps: `(kept,)` for a masked layer, everything else whole."""
    return {
        name: survivors_of(value, mask[name]) if name in mask else value
        for name, value in theta0.items()
    }


def survivors_shapes(network: Signature, mask: Mask) -> Shapes:
    """What `survivors` must look like."""
    return {
        name: (dtype, (count_kept(mask[name]),) if name in mask else shape)
        for name, (dtype, shape) in network.tensors.items()
    }


def expand(stored: Mapping[str, Tensor], mask: Mask) -> dict[str, Tensor]:
    """The opposite of `survivors`: `(kept,)` -> `(*layer)`, 0 where nothing was stored."""
    return {
        name: _scattered(value, mask[name]) if name in mask else value
        for name, value in stored.items()
    }


def only_signs(theta0: Weights, names: Iterable[str]) -> dict[str, Tensor]:
    """Of some layers 1 for each weight, or -1 where its sign bit is set; shapes and dtypes stay."""
    return {name: torch.copysign(torch.ones_like(theta0[name]), theta0[name]) for name in names}


def sign_bits(theta0: Weights, mask: Mask) -> dict[str, Tensor]:
    """A bit for each weight that the mask keeps, 1 below 0: uint8 `(ceil(kept / 8),)` each."""
    return {name: pack(survivors_of(theta0[name], keep).signbit()) for name, keep in mask.items()}


def sign_bits_shapes(mask: Mask) -> Shapes:
    """What `sign_bits` must look like."""
    return {name: (torch.uint8, (packed_size((count_kept(keep),)),)) for name, keep in mask.items()}


def signs_from_bits(
    stored: Mapping[str, Tensor], network: Signature, mask: Mask, source: str
) -> dict[str, Tensor]:
    """The opposite of `sign_bits`: -1 and 1, `(kept,)` each, in the dtypes of the network.

    Raises:
        BundleFormatError: a padding bit is set.
    """
    found = {}
    for name, keep in mask.items():
        below = unpack(stored[name], (count_kept(keep),), source)
        found[name] = torch.where(below, -1.0, 1.0).to(network.tensors[name][0])
    return found


def _scattered(value: Tensor, keep: Tensor) -> Tensor:
    whole = torch.zeros(keep.numel(), dtype=value.dtype)
    return whole.index_copy_(0, positions_of(keep), value).view(keep.shape)


def refuse_nonfinite(tensors: Mapping[str, Tensor], source: str) -> None:
    """Refuse NaN and infinities.

    Raises:
        BundleFormatError: naming the tensor.
    """
    for name, value in tensors.items():
        if value.is_floating_point() and value.numel():
            low, high = value.aminmax()  # one pass; NaN comes through
            if not bool((low.isfinite() & high.isfinite()).item()):
                raise BundleFormatError(
                    f"{name!r} in {source} holds NaN or infinity.",
                    "The run behind it diverged, or the file was altered: get another bundle.",
                )
