"""The blobs of a hub in a folder: bytes under their digest, kept once for all repositories."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from ticket_hub.durable import open_durable, sha256_file
from ticket_hub.errors import BundleDigestError, HubNotFoundError, HubUnavailableError, StorageError
from ticket_hub.file_system import protect

__all__ = ["FolderBlobs"]

CHUNK = 1 << 20
_MEND = "Ask its owner to push it again: a push mends what is damaged."


class FolderBlobs:
    """The blobs under a folder, as `<first two>/<sha256>`, mode 0444."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, digest: str) -> Path:
        """Where a blob is, or will be."""
        return self.folder / digest[:2] / digest

    def store(self, source: Path, digest: str) -> bool:
        """Have a file's bytes under their digest; False where they were there, whole.

        What is there is read, whatever its size says, and made to look new: a collector that runs
        at this moment leaves it for the commit that is to name it.

        Raises:
            StorageError: the disk is full, the folder may not be written, or the file was changed
                while it was read.
        """
        blob = self.path(digest)
        with contextlib.suppress(OSError):  # not there, or of another user: then our own copy
            # Before it is read: from now on a collector leaves it alone.
            os.utime(blob)
            if sha256_file(blob) == digest:
                return False
        with source.open("rb") as stream, open_durable(blob) as goal:
            found = hashlib.sha256()
            while piece := stream.read(CHUNK):
                found.update(piece)
                goal.write(piece)
            # It was hashed before, and may have been written to since.
            if found.hexdigest() != digest:
                raise StorageError(
                    f"{source} was changed while it was sent; nothing was published.",
                    "Push again when nobody writes to it.",
                )
            protect(goal.fileno())
        return True

    def holds(self, digest: str) -> bool:
        """Whether there is a blob of this name."""
        return self.path(digest).is_file()

    def pieces(self, digest: str, name: str, offset: int = 0) -> Iterator[bytes]:
        """The bytes of a blob from an offset on, not compared with its digest.

        Args:
            name: what it is, for the message.

        Raises:
            HubNotFoundError: it is lost.
            HubUnavailableError: the file system refuses to read it.
        """
        path = self.path(digest)
        try:
            with path.open("rb") as stream:
                stream.seek(offset)
                while piece := stream.read(CHUNK):
                    yield piece
        except FileNotFoundError as error:
            raise HubNotFoundError(f"{self.folder.parent} has lost {name}.", _MEND) from error
        except OSError as error:
            raise HubUnavailableError(
                f"{path} cannot be read: {error.strerror or error}.",
                "Check its permissions and the disk that it lies on.",
            ) from error

    def read(self, digest: str, name: str, *, limit: int) -> bytes:
        """A small blob as a whole, or more than `limit` bytes of one that is larger.

        Raises:
            BundleDigestError: its bytes are not those of its name.
            HubNotFoundError, HubUnavailableError: it is lost, or cannot be read.
        """
        data = bytearray()
        for piece in self.pieces(digest, name):
            data += piece
            if len(data) > limit:
                return bytes(data)
        if hashlib.sha256(data).hexdigest() != digest:
            raise BundleDigestError(f"{name} is damaged in {self.folder.parent}.", _MEND)
        return bytes(data)
