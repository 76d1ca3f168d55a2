"""Named tensors as the bytes of a safetensors file, the same bytes in every process."""

from __future__ import annotations

from collections.abc import Mapping

import safetensors.numpy
import safetensors.torch
from torch import Tensor

__all__ = ["METADATA", "pack_tensors", "unpack_tensors"]

METADATA = {"format": "pt"}
"""Of every safetensors file: what loaders of PyTorch ask for."""


def pack_tensors(tensors: Mapping[str, Tensor]) -> bytes:
    """The bytes of a safetensors file with these tensors.

    The file has exactly one metadata key: with more, their order, and so the bytes, would differ
    from process to process. Tensors may be views of one buffer; each is written by itself.
    """
    arrays = {name: value.detach().cpu().contiguous().numpy() for name, value in tensors.items()}
    return safetensors.numpy.save(arrays, metadata=METADATA)


def unpack_tensors(data: bytes) -> dict[str, Tensor]:
    """The tensors of a safetensors file, on the CPU.

    Raises:
        safetensors.SafetensorError: the bytes are no such file.
    """
    return safetensors.torch.load(data)
