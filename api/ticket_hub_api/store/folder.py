"""Bytes in a folder: a disk of this machine, or a file server."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ticket_hub.durable import sync_folder
from ticket_hub.errors import StorageError
from ticket_hub.file_system import protect
from ticket_hub_api.store.storage import PIECE, StoredFile

__all__ = ["FolderStorage"]


class FolderStorage:
    """Files under one folder. They are read-only once they have their name."""

    def __init__(self, root: Path) -> None:
        """Use a folder, which is made when it is missing."""
        self.root = root
        root.mkdir(parents=True, exist_ok=True)

    def put(self, source: Path, key: str) -> None:
        """Give a synced file its name, atomically; see `Storage.put`."""
        target = self.root / key
        try:
            self._make_folder(target.parent)
            # Read-only before it has its name: nobody ever sees it writable.
            protect(source)
            source.replace(target)
            sync_folder(target.parent)
        except OSError as error:
            raise _explain(key, error) from error

    def _make_folder(self, folder: Path) -> None:
        """Make a folder and those above it durable, so that the names in it are."""
        if folder.is_dir():
            return
        self._make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)

    def read(self, key: str, start: int, stop: int) -> Iterator[bytes]:
        """Read with `pread`, never through a mapping; see `Storage.read`."""
        try:
            handle = os.open(self.root / key, os.O_RDONLY)
        except OSError as error:
            raise _explain(key, error) from error
        try:
            while start < stop:
                # By place, so that several readers may share a handle, and no mapping can die of a
                # file cut short.
                piece = os.pread(handle, min(PIECE, stop - start), start)
                if not piece:
                    raise StorageError(f"{key} is shorter than it was.", "Run `ticket hub fsck`.")
                start += len(piece)
                yield piece
        finally:
            os.close(handle)

    def delete(self, key: str) -> None:
        """Remove a file; see `Storage.delete`."""
        with contextlib.suppress(FileNotFoundError):
            (self.root / key).unlink()

    def probe(self) -> None:
        """Write a small file and remove it; see `Storage.probe`."""
        try:
            with tempfile.TemporaryFile(dir=self.root) as stream:
                stream.write(b"probe")
        except OSError as error:
            raise _explain("The storage folder", error) from error

    def files(self, prefix: str) -> Iterator[StoredFile]:
        """Walk a folder; see `Storage.files`."""
        for folder, _, names in os.walk(self.root / prefix):
            for name in names:
                path = Path(folder) / name
                with contextlib.suppress(FileNotFoundError):
                    about = path.stat()
                    yield StoredFile(
                        key=path.relative_to(self.root).as_posix(),
                        size=about.st_size,
                        modified=about.st_mtime,
                    )


def _explain(key: str, error: OSError) -> StorageError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StorageError("The disk of the hub is full.", "Free some space, then try again.")
    return StorageError(
        f"{key} cannot be used: {error.strerror or error}.",
        "Check the storage folder and its permissions, and run `ticket hub fsck`.",
    )
