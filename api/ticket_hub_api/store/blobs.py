"""Receiving files and giving them back: hashed while they stream, named by their content."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from ticket_hub.errors import StorageError
from ticket_hub.file_system import sync_file
from ticket_hub.project import install_extra
from ticket_hub_api.store.folder import FolderStorage
from ticket_hub_api.store.storage import Storage

__all__ = ["Blobs", "Incoming", "Received", "git_blob_id", "open_blobs"]


def git_blob_id(data: bytes) -> str:
    """The name that git gives a file: sha1 over `blob`, its size, a zero byte and its content."""
    header = f"blob {len(data)}\0".encode()
    return hashlib.sha1(header + data, usedforsecurity=False).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Received:
    """A file that arrived whole and is safe on the local disk."""

    path: Path
    sha256: str
    size: int


class Incoming:
    """A file that is being received; leaving the context drops it unless it was stored."""

    def __init__(self, folder: Path) -> None:
        """Open a new file of a random name.

        Raises:
            StorageError: the folder cannot be written to.
        """
        self.path = folder / secrets.token_hex(16)
        self.size = 0
        self._hash = hashlib.sha256()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._stream: IO[bytes] = self.path.open("xb", buffering=0)
        except OSError as error:
            raise StorageError(
                f"The hub cannot receive files: {error.strerror or error}.",
                "Check its storage folder and the permissions there.",
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # First: Windows removes no file that is open.
        self._stream.close()
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)

    def write(self, data: bytes | bytearray) -> None:
        """Append and hash.

        Raises:
            StorageError: the disk is full.
        """
        view = memoryview(data)
        try:
            while view:
                # Unbuffered, a write may take less than it is given.
                view = view[self._stream.write(view) :]
        except OSError as error:
            raise StorageError(
                f"The hub cannot receive this file: {error.strerror or error}.",
                "Free some space in its storage folder, then try again.",
            ) from error
        self._hash.update(data)
        self.size += len(data)

    def finish(self) -> Received:
        """Sync the file and say what it is.

        Raises:
            StorageError: the disk refuses.
        """
        try:
            sync_file(self._stream.fileno())
        except OSError as error:
            raise StorageError(
                f"The hub's disk fails: {error.strerror or error}.", "Check the disk."
            ) from error
        return Received(path=self.path, sha256=self._hash.hexdigest(), size=self.size)


class Blobs:
    """Stores received files under keys that are never used twice.

    A key holds the content's digest and a random part. So a collector that removes an old copy can
    never hit a new one, and two uploads of the same content never write the same name.
    """

    def __init__(self, storage: Storage, spool: Path) -> None:
        """Use a storage, and a local folder for files that are being received."""
        self.storage = storage
        self.spool = spool

    def incoming(self) -> Incoming:
        """Begin to receive a file."""
        return Incoming(self.spool)

    def keep(self, received: Received, *, name: str = "", family: str = "objects") -> str:
        """Store a received file and return its key."""
        name = name or received.sha256
        key = f"{family}/{name[:2]}/{name[2:4]}/{name}-{secrets.token_hex(4)}"
        self.storage.put(received.path, key)
        return key

    def probe(self) -> None:
        """See whether files could be received and stored now.

        Raises:
            StorageError: they could not.
        """
        with self.incoming() as incoming:
            incoming.write(b"probe")
        self.storage.probe()

    def read(self, key: str, start: int, stop: int) -> Iterator[bytes]:
        """The bytes of a range; see `Storage.read`."""
        return self.storage.read(key, start, stop)


def open_blobs(url: str, spool: Path) -> Blobs:
    """Open a folder, or whatever fsspec makes of a URL.

    Raises:
        StorageError: the packages for that kind of URL are missing.
    """
    if "://" not in url:
        return Blobs(FolderStorage(Path(url)), spool)
    try:
        from ticket_hub_api.store.remote import RemoteStorage
    except ImportError as error:
        raise StorageError(
            f"{url} needs fsspec.", f"Install it with `{install_extra('s3')}`."
        ) from error
    return Blobs(RemoteStorage(url), spool)
