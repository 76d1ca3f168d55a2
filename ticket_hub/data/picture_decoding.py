"""Pictures of a pack as pixels, decoded by a thread for each core."""

from __future__ import annotations

import functools
import os
from collections.abc import Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ticket_hub.data.pack_file import AGAIN, PICTURES, Pack
from ticket_hub.errors import DataCorruptError
from ticket_hub.shapes import Int64, UInt8

__all__ = [
    "CHUNK",
    "Decoding",
    "PicturePlaces",
    "decoded",
    "decoder",
    "threads",
]


CHUNK = 8
"""Pictures that one thread decodes at a time."""


@functools.lru_cache(maxsize=1)
def threads(_process: int) -> ThreadPoolExecutor:
    """One thread for each core of this process; a fork has no threads of its parent."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    given = os.environ.get("TICKET_CORES", "")
    together = os.environ.get("LOCAL_WORLD_SIZE", "1")
    cores = min(allowed or 1, int(given)) if given.isdecimal() else allowed or 1
    count = max(1, cores // int(together) if together.isdecimal() else cores)
    return ThreadPoolExecutor(count, thread_name_prefix="decode")


@dataclass(frozen=True)
class Decoding:
    """Pixels that threads are filling in."""

    pixels: UInt8[Tensor, "batch channels height width"]
    filling: Sequence[Future[None]]

    def result(self) -> UInt8[Tensor, "batch channels height width"]:
        """The pixels, once all are there.

        Raises:
            DataCorruptError: a picture cannot be decoded.
        """
        for each in self.filling:
            each.result()
        return self.pixels


@dataclass(frozen=True)
class PicturePlaces:
    """Which pictures, and how they become pixels."""

    folder: str
    digest: str
    places: Int64[Tensor, " examples"]
    channels: int
    size: int


def decoder() -> str:
    """What decodes pictures here, with versions: other versions may give other pixels."""
    import PIL
    from PIL import features

    return f"Pillow {PIL.__version__}, libjpeg-turbo {features.version('libjpeg_turbo')}"


def decoded(
    pack: Pack,
    place: int,
    # A sequence is checked by random items in the tests, and a step that is captured meanwhile
    # would seem to draw them.
    window: Collection[int] | None,
    where: PicturePlaces,
) -> NDArray[np.uint8]:
    """One picture as `(channels, size, size)`: the square in its middle, or a window, scaled.

    Args:
        place: in the pack.
        window: top, left, height and width of what is cut out.

    Raises:
        DataCorruptError: it cannot be decoded.
    """
    from PIL import Image

    size = where.size
    try:
        with Image.open(BytesIO(pack.encoded(place))) as image:
            picture = image.convert("L" if where.channels == 1 else "RGB")
    except Exception as error:  # a decoder of strange bytes may raise anything
        raise DataCorruptError(
            f"Picture {place} in {pack.folder / PICTURES} cannot be decoded: {error}.", AGAIN
        ) from error
    if window is not None:
        top, left, down, across = window
        picture = picture.crop((left, top, left + across, top + down))
        picture = picture.resize((size, size), Image.Resampling.BILINEAR)
    elif picture.size != (size, size):
        left, top = (picture.width - size) // 2, (picture.height - size) // 2
        picture = picture.crop((left, top, left + size, top + size))
    values = np.asarray(picture)
    return values[None] if where.channels == 1 else values.transpose(2, 0, 1)
