"""Masks as packed bits: one bit a weight, so that no third value can be written."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from ticket_hub.errors import BundleFormatError

__all__ = ["pack", "packed_size", "unpack"]


def packed_size(shape: tuple[int, ...]) -> int:
    """Bytes of a packed mask."""
    return -(-math.prod(shape) // 8)


def pack(keep: Tensor) -> Tensor:
    """Pack a bool tensor: 8 weights a byte, the first in the lowest bit, padding bits zero.

    Shapes:
        `keep`: any; the result: uint8 `(ceil(weights / 8),)`.
    """
    bits = keep.detach().cpu().contiguous().view(-1).numpy()
    return torch.from_numpy(np.packbits(bits, bitorder="little"))


def unpack(packed: Tensor, shape: tuple[int, ...], source: str) -> Tensor:
    """The bool tensor, `(*shape)`, of a packed mask: uint8 `(packed_size(shape),)`.

    Raises:
        BundleFormatError: the mask has another length, or a padding bit is set.
    """
    count = math.prod(shape)
    if packed.dtype != torch.uint8 or tuple(packed.shape) != (packed_size(shape),):
        raise BundleFormatError(
            f"{source} has the wrong length for {count} weights.",
            "Fetch the bundle again, or ask its author to write it again.",
        )
    # One spelling for each mask: with free bits two files could be the same ticket under two
    # digests.
    if count % 8 and int(packed[-1]) >> (count % 8):
        raise BundleFormatError(
            f"{source} has bits set beyond its {count} weights.",
            "Fetch the bundle again, or ask its author to write it again.",
        )
    bits = np.unpackbits(packed.numpy(), count=count, bitorder="little")
    return torch.from_numpy(bits).view(torch.bool).view(shape)
