"""One copy of a data set, and of its normalized pixels, for all worker processes.

The bytes lie in a file without a name (in memory on Linux, else in the temporary folder), which
workers inherit as an open file and map. It vanishes with the last process that has it, however
that one ends, and needs no room in /dev/shm, which containers keep small.
"""

from __future__ import annotations

import dataclasses
import mmap
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ticket_hub.data import DataSet, PackedImages, Part, normalized
from ticket_hub.errors import StorageError
from ticket_hub.training.pixels import keep_floats, kept_floats

__all__ = ["DataSheet", "SharedData", "open_shared", "packed_images", "shell_of"]

ALIGNMENT = 64
NONE = torch.empty(0, dtype=torch.uint8)


@dataclass(frozen=True, kw_only=True, eq=False)
class DataSheet:
    """Everything of a data set but its pixels and labels: where those lie in the shared file.

    Attributes:
        shell: the data set with empty parts.
        places: of the images, then of the labels of each part, then of those normalized pixels
            that are kept: offset in bytes, dtype, shape.
        kept: for each part whether its normalized pixels are there.
        packed: for each part its pictures, where they lie on disk and not in the shared file.
        size: bytes of the file.
    """

    shell: DataSet
    places: tuple[tuple[int, torch.dtype, tuple[int, ...]], ...]
    kept: tuple[bool, ...]
    packed: tuple[PackedImages | None, ...]
    size: int


class SharedData:
    """The file, as its owner has it.

    Attributes:
        handle: the open file, to be passed to workers.
        sheet: what they need to read it.
    """

    def __init__(self, data: DataSet) -> None:
        self.handle = _open_nameless()
        try:
            places, place = [], 0
            # A copy, since the stream closes what it is given.
            with os.fdopen(os.dup(self.handle), "wb") as stream:
                for tensor in self._tensors(data):
                    stream.seek(place)
                    stream.write(tensor.contiguous().numpy().tobytes())
                    places.append((place, tensor.dtype, tuple(tensor.shape)))
                    place += -(-tensor.nbytes // ALIGNMENT) * ALIGNMENT
                # With the padding of the last tensor: a map must not reach past its file's end.
                stream.truncate(place)
            kept = tuple(bool(kept_floats(part, data)) for part in _parts(data))
            packed = tuple(packed_images(part) for part in _parts(data))
            self.sheet = DataSheet(
                shell=shell_of(data), places=tuple(places), kept=kept, packed=packed, size=place
            )
        except OSError as error:
            os.close(self.handle)
            raise StorageError(
                f"The data set could not be shared with worker processes: {error.strerror}.",
                "Free some memory or space in the temporary folder, or train with workers=1.",
            ) from error

    def _tensors(self, data: DataSet) -> Iterator[Tensor]:
        parts = _parts(data)
        yield from (part.inputs if packed_images(part) is None else NONE for part in parts)
        yield from (part.labels for part in parts)
        for part in parts:
            if kept_floats(part, data):
                yield normalized(part.inputs, data)

    def close(self) -> None:
        """Close the file here; workers that have mapped it keep it."""
        os.close(self.handle)


def open_shared(handle: int, sheet: DataSheet) -> DataSet:
    """The data set over the shared file; its tensors must not be written."""
    # Writable copies, since torch warns of memory that cannot be written; nothing reaches the file.
    memory = mmap.mmap(handle, sheet.size, access=mmap.ACCESS_COPY)
    tensors = [_tensor(memory, *place) for place in sheet.places]
    train, validation, test = (
        Part(inputs=pixels if pictures is None else pictures, labels=truth)
        for pixels, truth, pictures in zip(tensors[:3], tensors[3:6], sheet.packed, strict=True)
    )
    data = dataclasses.replace(sheet.shell, train=train, validation=validation, test=test)
    ready = iter(tensors[6:])
    for part, kept in zip(_parts(data), sheet.kept, strict=True):
        if kept:
            keep_floats(part, next(ready))
    return data


def _tensor(memory: mmap.mmap, place: int, dtype: torch.dtype, shape: tuple[int, ...]) -> Tensor:
    count = torch.Size(shape).numel()
    # `frombuffer` refuses an empty tensor.
    if not count:
        return torch.empty(shape, dtype=dtype)
    return torch.frombuffer(memory, dtype=dtype, count=count, offset=place).view(shape)


def packed_images(part: Part) -> PackedImages | None:
    """The pictures of a part that lie on disk, where they do."""
    return part.inputs if isinstance(part.inputs, PackedImages) else None


def shell_of(data: DataSet) -> DataSet:
    """A data set without its examples."""
    empty = Part(inputs=NONE.view(0, *data.train.inputs.shape[1:]), labels=torch.arange(0))
    return dataclasses.replace(data, train=empty, validation=empty, test=empty)


def _parts(data: DataSet) -> tuple[Part, Part, Part]:
    return (data.train, data.validation, data.test)


def _open_nameless() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("ticket-hub-data")
    with tempfile.TemporaryFile() as stream:
        return os.dup(stream.fileno())
