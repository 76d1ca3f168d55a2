"""The bytes of each picture of a pack: kept as they are, or encoded anew, some of them ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import TypeAlias

import numpy as np
from torch import Tensor

from ticket_hub.data.pictures import read_picture
from ticket_hub.errors import DataCorruptError

__all__ = ["Encoded", "encoded", "encoded_ahead"]

KEPT = {"JPEG": {"RGB", "L"}, "PNG": {"RGB", "L"}}
"""Formats and modes whose files are kept as they are, where nothing is scaled."""
AHEAD = 64
Encoded: TypeAlias = tuple[bytes, tuple[int, int, int]]
"""The bytes of a picture, and its height, width and channels."""


def encoded_ahead(
    threads: ThreadPoolExecutor,
    items: Sequence[Path | Tensor],
    encode: Callable[[Path | Tensor], Encoded],
) -> Generator[Encoded, None, None]:
    """Encoded items in their order, some of them made ahead."""
    waiting = deque[Future[Encoded]]()
    try:
        for item in items:
            waiting.append(threads.submit(encode, item))
            # No more than so many pictures are in memory, however much faster threads encode than
            # disks write.
            if len(waiting) >= AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for each in waiting:
            each.cancel()


def encoded(item: Path | Tensor, short_side: int, quality: int) -> Encoded:
    """The bytes of one picture, and its height, width and channels."""
    from PIL import Image

    if isinstance(item, Path) and (kept := _kept(item, short_side)) is not None:
        return kept
    picture = item if isinstance(item, Tensor) else _read(item)
    channels, height, width = picture.shape
    values = picture[0].numpy() if channels == 1 else picture.permute(1, 2, 0).numpy()
    image = Image.fromarray(np.ascontiguousarray(values))
    stream = BytesIO()
    if short_side:
        ratio = short_side / min(height, width)
        size = (max(short_side, round(width * ratio)), max(short_side, round(height * ratio)))
        image = image.resize(size, Image.Resampling.BILINEAR) if image.size != size else image
        image.save(stream, "JPEG", quality=quality)
    else:
        image.save(stream, "PNG")
    return stream.getvalue(), (image.height, image.width, channels)


def _kept(path: Path, short_side: int) -> Encoded | None:
    """A file as it is, where decoding it gives the very pixels that reading it gives."""
    from PIL import Image

    data = path.read_bytes()
    try:
        with Image.open(BytesIO(data)) as image:
            plain = image.mode in KEPT.get(str(image.format), ())
            # Exif may turn a picture, and transparency is laid over white when a file is read: kept
            # as they are, both would decode to other pixels.
            plain = plain and not image.getexif() and not image.has_transparency_data
            small = not short_side or (image.format == "JPEG" and min(image.size) == short_side)
            if not (plain and small and getattr(image, "n_frames", 1) == 1):
                return None
            image.load()
            return data, (image.height, image.width, 1 if image.mode == "L" else 3)
    except Exception:  # noqa: BLE001 - `read_picture` says what is wrong with it
        return None


def _read(path: Path) -> Tensor:
    try:
        return read_picture(path, 0)[0]
    except ValueError as error:
        raise DataCorruptError(
            f"{path} cannot be read as an image: {error}.", "Mend or delete the file."
        ) from error
