"""The file of pictures and its index, as packing wrote them."""

from __future__ import annotations

import json
import mmap
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ticket_hub.errors import DataCorruptError, DataError, DataNotFoundError

__all__ = ["AGAIN", "INDEX", "MANIFEST", "PICTURES", "RECORD", "Pack"]

MANIFEST, PICTURES, INDEX = "pack.json", "pictures.bin", "index.bin"
RECORD = np.dtype(
    [
        ("end", "<i8"), ("label", "<i8"), ("crc32", "<u4"),
        ("height", "<i4"), ("width", "<i4"), ("channels", "<i4"),
    ]
)  # fmt: skip
"""Of one picture in the index: where its bytes end, its label, their checksum, and its size."""
FORMAT = 1


class Pack:
    """The file of pictures and its index, mapped into memory.

    Attributes:
        about: what `pack.json` says.
        index: one `RECORD` for each picture.
    """

    def __init__(self, folder: Path) -> None:
        try:
            self.about: dict[str, Any] = json.loads((folder / MANIFEST).read_bytes())
            sizes = {name: (folder / name).stat().st_size for name in (PICTURES, INDEX)}
        except FileNotFoundError as error:
            raise DataNotFoundError(
                f"There are no packed pictures in {folder}.", "Make them: `ticket data pack`."
            ) from error
        except ValueError as error:
            raise DataCorruptError(f"{folder / MANIFEST} cannot be read.", AGAIN) from error
        if self.about.get("format") != FORMAT:
            raise DataError(
                f"{folder} is of format {self.about.get('format')!r}.",
                "Read it with a newer version of Ticket Hub, or pack the data again.",
            )
        # Sizes alone: hashing hundreds of gigabytes at each start would take longer than a short
        # training. Each picture has a checksum of its own in the index.
        for name, size in sizes.items():
            if self.about[name]["size"] != size:
                raise DataCorruptError(
                    f"{folder / name} has {size} bytes and should have {self.about[name]['size']}.",
                    AGAIN,
                )
        self.folder = folder
        self.index: NDArray[np.void] = np.fromfile(folder / INDEX, RECORD)
        self.ends = self.index["end"]
        with (folder / PICTURES).open("rb") as stream:
            # Mapped: processes of one machine share the system's pages, and pickling sends only the
            # folder.
            self._bytes = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)

    @property
    def digest(self) -> str:
        """The sha256 of the pictures' bytes."""
        return str(self.about[PICTURES]["sha256"])

    def encoded(self, place: int) -> bytes:
        """The bytes of one picture."""
        start = int(self.ends[place - 1]) if place else 0
        return self._bytes[start : int(self.ends[place])]


AGAIN = "Delete the folder, and pack the data again: `ticket data pack`."
