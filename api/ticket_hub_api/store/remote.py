"""Bytes in an object store, through fsspec: `s3://bucket/prefix` and whatever else it speaks."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec

from ticket_hub.errors import StorageError
from ticket_hub_api.store.storage import PIECE, StoredFile

__all__ = ["RemoteStorage"]

_BLOCK = 4 << 20


class RemoteStorage:
    """Objects under one prefix. An upload is visible whole or not at all, as S3 promises."""

    def __init__(self, url: str) -> None:
        """Open a store; credentials and endpoint come from the environment, as for any S3 tool."""
        self.files_system, root = fsspec.core.url_to_fs(url, use_listings_cache=False)
        self.root = root.rstrip("/")

    def _path(self, key: str) -> str:
        return f"{self.root}/{key}"

    def put(self, source: Path, key: str) -> None:
        """Upload a file, check its size there, and remove the local one; see `Storage.put`."""
        size = source.stat().st_size
        with _explained(key):
            self.files_system.put_file(str(source), self._path(key))
            if self.files_system.size(self._path(key)) != size:
                self.delete(key)
                raise OSError("the store has another size")
        source.unlink(missing_ok=True)

    def read(self, key: str, start: int, stop: int) -> Iterator[bytes]:
        """Fetch a range in blocks of 4 MiB; see `Storage.read`."""
        while start < stop:
            end = min(start + _BLOCK, stop)
            with _explained(key):
                block: bytes = self.files_system.cat_file(self._path(key), start=start, end=end)
            if len(block) != end - start:
                raise StorageError(f"{key} is shorter than it was.", "Run `ticket hub fsck`.")
            for offset in range(0, len(block), PIECE):
                yield block[offset : offset + PIECE]
            start = end

    def delete(self, key: str) -> None:
        """Remove an object; see `Storage.delete`."""
        with _explained(key), contextlib.suppress(FileNotFoundError):
            self.files_system.rm_file(self._path(key))

    def probe(self) -> None:
        """Ask for the bucket or folder; see `Storage.probe`."""
        top = self.root.partition("/")[0] or self.root
        with _explained(top):
            self.files_system.info(top)

    def files(self, prefix: str) -> Iterator[StoredFile]:
        """List objects; see `Storage.files`."""
        with _explained(prefix):
            found: dict[str, dict[str, Any]] = self.files_system.find(
                self._path(prefix), detail=True
            )
        for path, about in found.items():
            modified = about.get("LastModified") or about.get("mtime") or about.get("created")
            yield StoredFile(
                key=path.removeprefix(self.root + "/"),
                size=int(about["size"]),
                modified=_seconds(modified),
            )


def _seconds(moment: object) -> float:
    if isinstance(moment, dt.datetime):
        return moment.timestamp()
    return float(moment) if isinstance(moment, int | float) else 0.0


@contextlib.contextmanager
def _explained(key: str) -> Iterator[None]:
    try:
        yield
    except StorageError:
        raise
    except Exception as error:
        raise StorageError(
            f"The object store refused {key}: {error}.",
            "Check its address, its credentials (AWS_ACCESS_KEY_ID and so on), and that it runs.",
        ) from error
