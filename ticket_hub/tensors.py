"""Named tensors as the bytes of a safetensors file, the same bytes in every process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import safetensors
import safetensors.numpy
import safetensors.torch
from torch import Tensor

__all__ = ["StoredTensors", "pack_tensors", "unpack_tensors"]

_METADATA = {"format": "pt"}


def pack_tensors(tensors: Mapping[str, Tensor]) -> bytes:
    """The bytes of a safetensors file with these tensors.

    The file has exactly one metadata key: with more, their order, and so the bytes, would differ
    from process to process. Tensors may be views of one buffer; each is written by itself.
    """
    arrays = {name: value.detach().cpu().contiguous().numpy() for name, value in tensors.items()}
    return safetensors.numpy.save(arrays, metadata=_METADATA)


def unpack_tensors(data: bytes) -> dict[str, Tensor]:
    """The tensors of a safetensors file, on the CPU.

    Raises:
        safetensors.SafetensorError: the bytes are no such file.
    """
    return safetensors.torch.load(data)


class StoredTensors(Mapping[str, Tensor]):
    """The tensors of a file whose names begin with a prefix, each read when it is asked for.

    Many levels of a large network fit on a disk but not in memory. Only for files of our own:
    nothing is checked here.
    """

    def __init__(self, path: Path, prefix: str) -> None:
        self._path, self._prefix = path, prefix
        with safetensors.safe_open(path, framework="pt") as stored:
            names: list[str] = stored.keys()
        self._names = tuple(n.removeprefix(prefix) for n in names if n.startswith(prefix))

    def __getitem__(self, name: str) -> Tensor:
        if name not in self._names:
            raise KeyError(name)
        with safetensors.safe_open(self._path, framework="pt") as stored:
            value: Tensor = stored.get_tensor(self._prefix + name)
            return value

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
