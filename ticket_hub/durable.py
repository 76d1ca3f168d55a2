"""Files that survive a crash: written beside, synced, renamed, and the folder synced."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from ticket_hub.errors import StorageError

__all__ = ["canonical_json", "open_durable", "sha256_file", "write_bytes", "write_json"]


def canonical_json(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """The one spelling of a JSON value: sorted keys, no spaces, no NaN, UTF-8."""
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode()


def sha256_file(path: Path) -> str:
    """The sha256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def open_durable(path: Path) -> Iterator[IO[bytes]]:
    """Write a file that afterwards is there whole, or not at all.

    The bytes go to a new name in the same folder, are synced, renamed to `path`, and the folder
    is synced. After any error the new file is dropped and what stood at `path` before is intact.

    Raises:
        StorageError: the disk is full, or the file system refuses.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise _explain(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a whole file durably; see `open_durable`."""
    with open_durable(path) as stream:
        stream.write(data)


def write_json(path: Path, value: Any) -> None:  # noqa: ANN401 - any JSON value
    """Write a JSON value durably, in a form that people can read and that never varies."""
    text = json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    write_bytes(path, text.encode() + b"\n")


def _explain(path: Path, error: OSError) -> StorageError:
    if isinstance(error, StorageError):
        return error
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StorageError(
            f"The disk is full: {path} could not be written.",
            "What was there before is intact. Free some space and run the same command again.",
        )
    return StorageError(
        f"{path} could not be written: {error.strerror or error}.",
        "What was there before is intact. Check the folder and its permissions, then try again.",
    )
