"""What the service asks of the place where its bytes are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

__all__ = ["PIECE", "Storage", "StoredFile"]

PIECE = 256 << 10
"""Bytes that are read at once."""


@dataclass(frozen=True, kw_only=True)
class StoredFile:
    """What the storage says about one key; `modified` in seconds since 1970."""

    key: str
    size: int
    modified: float


class Storage(Protocol):
    """Immutable files by key. A key is never written twice."""

    def put(self, source: Path, key: str) -> None:
        """Store a finished file durably; the source is gone afterwards.

        Raises:
            StorageError: it could not be stored; nothing is there under that key.
        """
        ...

    def read(self, key: str, start: int, stop: int) -> Iterator[bytes]:
        """The bytes from `start` up to `stop`, in pieces of at most `PIECE`.

        Raises:
            StorageError: the file is missing or shorter.
        """
        ...

    def delete(self, key: str) -> None:
        """Remove a file; nothing happens where there is none."""
        ...

    def probe(self) -> None:
        """See whether files could be stored and read now.

        Raises:
            StorageError: they could not.
        """
        ...

    def files(self, prefix: str) -> Iterator[StoredFile]:
        """All files whose key begins with this folder name."""
        ...
