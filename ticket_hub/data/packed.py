"""Pictures on disk that stand where a tensor of pixels stands: decoded when they are asked for."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from ticket_hub.data.pack_file import Pack
from ticket_hub.data.picture_decoding import (
    CHUNK,
    Decoding,
    PicturePlaces,
    decoded,
    decoder,
    threads,
)
from ticket_hub.errors import DataCorruptError, DataError
from ticket_hub.shapes import Int64, UInt8

__all__ = [
    "PackedImages",
    "pixels",
]


@functools.lru_cache(maxsize=8)
def _opened(folder: str, digest: str) -> Pack:
    found = Pack(Path(folder))
    if found.digest != digest:
        raise DataCorruptError(
            f"{folder} holds other pictures than when the data were read.",
            "Read the data again; on several machines, give all of them the same pack.",
        )
    return found


class PackedImages(Tensor):
    """uint8 pixels `(examples, channels, size, size)` that lie on disk, encoded.

    A tensor by its shape, dtype and device, without memory of its own. Indices and slices of
    examples give others of its kind; whatever asks for numbers gets the tensor of them, decoded
    by a thread for each core. What is decoded is the square in the middle of each picture.
    """

    packed: PicturePlaces

    @staticmethod
    def __new__(  # noqa: D102, PYI034 - as the class says; `Self` is unknown to the tests' checker
        cls: type[PackedImages], where: PicturePlaces, device: torch.device | None = None
    ) -> PackedImages:
        shape = (len(where.places), where.channels, where.size, where.size)
        made: PackedImages = Tensor._make_wrapper_subclass(  # noqa: SLF001 - as its documentation says
            cls, shape, dtype=torch.uint8, device=device or torch.device("cpu")
        )
        made.packed = where
        return made

    @classmethod
    def of(cls, pack: Pack, places: Int64[Tensor, " examples"], size: int) -> PackedImages:
        """Some pictures of a pack.

        Args:
            size: of the square; 0 where all pictures have one.

        Raises:
            DataError: they have several sizes, or one is smaller than `size`.
        """
        some = pack.index[places.numpy()]
        heights, widths = some["height"], some["width"]
        if not size:
            if len(np.unique(heights)) > 1 or len(np.unique(widths)) > 1 or heights[0] != widths[0]:
                raise DataError(
                    f"The packed pictures of {pack.about['source']} have several sizes, or are no "
                    "squares.",
                    "Set data.short_side and data.size, and pack them again.",
                )
            size = int(heights[0])
        if min(int(heights.min()), int(widths.min())) < size:
            raise DataError(
                f"A packed picture of {pack.about['source']} is smaller than {size} pixels.",
                "Set data.short_side to data.size or more, and pack them again.",
            )
        channels = int(pack.index["channels"].max())
        return cls(PicturePlaces(str(pack.folder), pack.digest, places, channels, size))

    def __repr__(self) -> str:  # type: ignore[override]
        return f"PackedImages({tuple(self.shape)}, {self.packed.folder!r})"

    def __reduce_ex__(self, _protocol: object) -> tuple[Any, ...]:
        return (type(self), (self.packed, self.device))

    @property
    def pack(self) -> Pack:
        """The file that they lie in."""
        return _opened(self.packed.folder, self.packed.digest)

    @property
    def is_uniform(self) -> bool:
        """Whether every picture is the square that is wanted: nothing of it is cut off."""
        size, some = self.packed.size, self.pack.index[self.packed.places.numpy()]
        return bool((some["height"] == size).all() and (some["width"] == size).all())

    @property
    def identity(self) -> bytes:
        """What decides their pixels, for fingerprints."""
        places = hashlib.sha256(self.packed.places.numpy().tobytes()).hexdigest()
        return f"{self.pack.digest} {places} {self.packed.size} {decoder()}".encode()

    def sizes(self, rows: Int64[Tensor, "*batch"]) -> tuple[Tensor, Tensor]:
        """Heights and widths of some pictures, as they are packed."""
        some = self.pack.index[self.packed.places[rows].numpy()]
        return (
            torch.from_numpy(some["height"].astype(np.int64)),
            torch.from_numpy(some["width"].astype(np.int64)),
        )

    def read(
        self,
        rows: Int64[Tensor, " batch"] | None = None,
        windows: Int64[Tensor, "batch 4"] | None = None,
    ) -> UInt8[Tensor, "batch channels height width"]:
        """Pixels of some examples, of all by default, on the CPU.

        Args:
            windows: top, left, height and width of what is cut out of each and scaled; without
                them the square in the middle.
        """
        return self.begin(rows, windows).result()

    def begin(
        self,
        rows: Int64[Tensor, " batch"] | None = None,
        windows: Int64[Tensor, "batch 4"] | None = None,
        found: UInt8[Tensor, "batch channels height width"] | None = None,
    ) -> Decoding:
        """As `read`, without waiting.

        Args:
            found: the tensor, where there is one already.
        """
        places = self.packed.places if rows is None else self.packed.places[rows.long()]
        where = self.packed
        if found is None:
            shape = (len(places), where.channels, where.size, where.size)
            found = torch.empty(shape, dtype=torch.uint8)
        numbers, target = places.tolist(), found.numpy()
        cuts = [None] * len(numbers) if windows is None else windows.tolist()

        def fill(first: int) -> None:
            """Decode the pictures from `first` on into their places."""
            for at in range(first, min(first + CHUNK, len(numbers))):
                target[at] = decoded(self.pack, numbers[at], cuts[at], where)

        # By the process's number: the threads of a parent do not come along through a fork.
        executor = threads(os.getpid())
        filling = [executor.submit(fill, at) for at in range(0, len(numbers), CHUNK)]
        return Decoding(found, filling)

    @classmethod
    def __torch_dispatch__(  # type: ignore[override] # as torch calls it
        cls,
        func: Any,  # noqa: ANN401 - an operation
        _types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - whatever it gives
        kwargs = kwargs or {}
        lazily = _LAZY.get(func)
        if lazily is not None:
            found = lazily(*args, **kwargs)
            if found is not None:
                return found
        # Whatever is not known to stay packed gets the numbers, so that any operation is right, if
        # slow.
        whole = tree_map(pixels, (args, kwargs))
        return func(*whole[0], **whole[1])

    def batches(self, size: int) -> list[PackedImages]:
        """So many of them at a time: as `split`, which inference mode does not allow here."""
        return [self.some(places) for places in self.packed.places.split(size)]

    def some(self, places: Tensor) -> PackedImages:
        """Some of them, by their places in the file."""
        return type(self)(replace(self.packed, places=places), self.device)


def pixels(value: Any) -> Any:  # noqa: ANN401 - a tensor, or something else
    """The numbers of packed pictures, on their device; anything else as it is."""
    return value.read().to(value.device) if isinstance(value, PackedImages) else value


def _indexed(images: PackedImages, indices: Sequence[Tensor | None]) -> PackedImages | None:
    if len(indices) != 1 or indices[0] is None or indices[0].ndim != 1:
        return None
    # Places lie on the host, where pictures are decoded, also when the part is said to be on a GPU.
    return images.some(images.packed.places[indices[0].cpu()])


def _sliced(
    images: PackedImages,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> PackedImages | None:
    return images.some(images.packed.places[start:end:step]) if dim == 0 else None


def _split(images: PackedImages, size: int, dim: int = 0) -> list[PackedImages] | None:
    return images.batches(size) if dim == 0 else None


def _moved(
    images: PackedImages,
    *,
    dtype: torch.dtype | None = None,
    device: torch.device | None = None,
    **_others: object,
) -> PackedImages | None:
    if dtype not in {None, torch.uint8}:
        return None
    return type(images)(images.packed, device or images.device)


def _same(images: PackedImages, **_others: object) -> PackedImages:
    return type(images)(images.packed, images.device)


_ATEN = torch.ops.aten
_LAZY: Mapping[Any, Callable[..., Any]] = {
    _ATEN.index.Tensor: _indexed,
    _ATEN.slice.Tensor: _sliced,
    _ATEN.split.Tensor: _split,
    _ATEN._to_copy.default: _moved,  # noqa: SLF001 - the name of an operation
    _ATEN.clone.default: _same,
    _ATEN.detach.default: _same,
    _ATEN.alias.default: _same,
}
"""Operations that give packed pictures again; None where they cannot."""
