"""Open the files of a bundle, and nothing else: no link is followed, every byte is counted.

Files are read into memory and never mapped: truncating a mapped file kills its reader.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from ticket_hub.bundle import layout
from ticket_hub.bundle.manifest_records import FileRecord
from ticket_hub.bundle.stand_in import HEAD_BYTES, stand_in
from ticket_hub.errors import BundleDigestError, BundleError, BundleFormatError
from ticket_hub.file_system import READ_ONLY, open_within, read_at

__all__ = ["BundleFolder", "OpenFile", "changed"]

PIECE = 1 << 20
_AGAIN = "Fetch the bundle again."
_BLOB = re.compile(r"(?:\.\./)+blobs/([0-9a-f]{40,64})")


class OpenFile:
    """A regular file that is open for reading.

    Attributes:
        name: within the bundle.
        size: in bytes, when it was opened.
    """

    def __init__(self, handle: int, name: str, size: int) -> None:
        self._handle, self.name, self.size = handle, name, size

    def at(self, offset: int, count: int) -> bytes:
        """`count` bytes from `offset`, fewer at the end of the file."""
        return read_at(self._handle, count, offset)

    def read(self, record: FileRecord) -> bytearray:
        """The whole file, hashed on the way.

        Raises:
            BundleDigestError: the bytes are not those of the manifest.
            BundleFormatError: the file does not fit into memory.
        """
        with _memory(self.name):
            data = bytearray(self.size)
        digest, place = hashlib.sha256(), 0
        # Never beyond the size that was checked, though the file may grow while it is read.
        while place < self.size:
            piece = self.at(place, PIECE)
            if not piece:
                raise changed(self.name)
            digest.update(piece)
            data[place : place + len(piece)] = piece
            place += len(piece)
        if digest.hexdigest() != record.sha256:
            raise changed(self.name, bytes(data[:HEAD_BYTES]))
        return data

    def digest(self) -> str:
        """The sha256 of the file, read in pieces and not kept."""
        digest = hashlib.sha256()
        for place in range(0, self.size, PIECE):
            digest.update(self.at(place, PIECE))
        return digest.hexdigest()

    def lines(self, record: FileRecord) -> Iterator[bytes]:
        """The file line by line, hashed on the way; after the last line its digest was right.

        Raises:
            BundleDigestError: the bytes are not those of the manifest.
            BundleFormatError: a line is longer than 4 MiB.
        """
        digest, place, rest = hashlib.sha256(), 0, b""
        while place < self.size:
            piece = self.at(place, PIECE)
            if not piece:
                raise changed(self.name)
            place += len(piece)
            digest.update(piece)
            *whole, rest = (rest + piece).split(b"\n")
            if len(rest) > layout.MAX_METRICS_LINE:
                raise BundleFormatError(f"{self.name} has a line over 4 MiB.", _AGAIN)
            for line in whole:
                yield line + b"\n"
        if rest:
            yield rest
        if digest.hexdigest() != record.sha256:
            raise changed(self.name, self.at(0, HEAD_BYTES))


class BundleFolder:
    """The folder of a bundle.

    The folder itself may be reached through links, as its user named it; in it only the links
    that huggingface_hub's cache makes are known, and even they are rebuilt, not followed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextlib.contextmanager
    def open(self, name: str, record: FileRecord | None = None) -> Iterator[OpenFile]:
        """Open a file of the bundle; with a record, only if it has that size.

        A file that a writer has staged, but not yet moved into place, is found by its digest.

        Raises:
            BundleFormatError: it is missing, a link, or not a regular file.
            BundleDigestError: it has another size.
        """
        handle = self._staged(record)
        handle = self._placed(name) if handle is None else handle
        try:
            # Of the open file, not of its name, which may be another's by now.
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                raise _not_a_file(name)
            if record is not None and status.st_size != record.size:
                raise changed(name, read_at(handle, HEAD_BYTES, 0))
            yield OpenFile(handle, name, status.st_size)
        except OSError as error:
            raise _unreadable(name, error) from error
        finally:
            os.close(handle)

    def read(self, name: str, record: FileRecord, most: int) -> bytearray:
        """A whole small file; see `OpenFile.read`.

        Raises:
            BundleFormatError: it is larger than `most` bytes.
        """
        with self.open(name, record) as found:
            if found.size > most:
                raise BundleFormatError(f"{name} has more than {most} bytes.", _AGAIN)
            return found.read(record)

    def _staged(self, record: FileRecord | None) -> int | None:
        if record is not None and (self.path / layout.STAGING).is_dir():
            with contextlib.suppress(OSError):
                return open_within(self.path, [layout.STAGING, record.sha256])
        return None

    def _placed(self, name: str) -> int:
        parts = name.split("/")
        try:
            return open_within(self.path, parts)
        except OSError as error:
            blob = self._blob(parts) if error.errno == errno.ELOOP else None
            if blob is None:
                raise _unreadable(name, error) from error
        try:
            return os.open(blob, READ_ONLY)
        except OSError as error:
            raise _unreadable(name, error) from error

    def _blob(self, parts: list[str]) -> Path | None:
        """Where huggingface_hub's cache keeps a file: `blobs` beside `snapshots`."""
        try:
            link = _BLOB.fullmatch(str(self.path.joinpath(*parts).readlink()))
        except OSError:
            return None
        cache = self.path.resolve().parent
        # The digest is taken out of the link, and the place built anew: a link elsewhere leads
        # nowhere.
        if link is None or cache.name != "snapshots":
            return None
        return cache.parent / "blobs" / link[1]


@contextlib.contextmanager
def _memory(name: str) -> Iterator[None]:
    try:
        yield
    except MemoryError as error:
        raise BundleFormatError(
            f"{name} does not fit into memory.", "Read it on a larger machine."
        ) from error


def changed(name: str, head: bytes | None = None) -> BundleDigestError:
    """The error for a file that is not what the manifest says.

    Args:
        head: its first bytes, by which it may be known for what it is.
    """
    found = None if head is None else stand_in(head)
    if found is not None:
        return BundleDigestError(f"{name} is {found.what}.", found.remedy)
    return BundleDigestError(
        f"{name} is not the file that the manifest describes: its size or its sha256 differs.",
        f"{_AGAIN} If a search still writes this bundle, open it again.",
    )


def _not_a_file(name: str) -> BundleFormatError:
    return BundleFormatError(
        f"{name} is a link or not a regular file.", "A bundle holds files alone; copy them in."
    )


def _unreadable(name: str, error: OSError) -> BundleError:
    if error.errno == errno.ENOENT:
        return BundleFormatError(f"{name} is missing from the bundle.", _AGAIN)
    if error.errno in {errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENXIO}:
        return _not_a_file(name)
    return BundleFormatError(
        f"{name} cannot be read: {error.strerror or error}.", "Check the folder's permissions."
    )
