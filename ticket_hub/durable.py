"""Files that survive a crash: written beside, synced, renamed, and the folder synced.

A name that a reader looks for is therefore either absent, or names a whole file that is on the
disk. What a crash can leave behind are files that end in `.part`, which nobody reads and which
`sweep` removes.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from ticket_hub.errors import StorageError, TicketHubError
from ticket_hub.file_system import sync_file, sync_folder

__all__ = [
    "canonical_json",
    "explaining",
    "make_folder",
    "open_durable",
    "sha256_file",
    "sweep",
    "sync_folder",
    "write_bytes",
    "write_json",
]

_INTACT = "What was there before is intact. "
_FULL = _INTACT + "Free some space and run the same command again."
_REFUSED = _INTACT + "Check the folder's owner and permissions, then run the same command again."
_LACKING = _INTACT + "Use a folder on another file system, such as a disk of this machine."
_BROKEN = _INTACT + "Check the disk and its cables, or use another one, before trying again."

_REASONS: dict[int | None, tuple[str, str]] = {
    errno.ENOSPC: ("the disk is full", _FULL),
    errno.EDQUOT: ("your quota on this disk is used up", _FULL),
    errno.EIO: ("the disk reported an error", _BROKEN),
    errno.EACCES: ("there is no permission", _REFUSED),
    errno.EPERM: ("there is no permission, or the file system cannot do it", _REFUSED),
    errno.EROFS: ("the file system is read-only", _REFUSED),
    errno.ENOTSUP: ("the file system cannot do it", _LACKING),
    errno.ENOSYS: ("the file system cannot do it", _LACKING),
    errno.EINVAL: ("the file system refuses it as invalid", _LACKING),
}


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


def make_folder(folder: Path) -> None:
    """Create a folder and those above it that are missing, each durably.

    Raises:
        StorageError: the disk is full, or the file system refuses, or a file or a link to nothing
            stands there.
    """
    missing = []
    place = folder
    with explaining(folder):
        while not place.is_dir():  # which fails where a folder above may not be looked into
            missing.append(place)
            place = place.parent
        for path in missing:
            if path.is_symlink() or path.is_file():
                what = "a file"
                if path.is_symlink():
                    what = f"a link to {path.readlink()}, where there is nothing"
                raise StorageError(
                    f"{folder} could not be written: {path} is {what}.", "Name another folder."
                )
        for fresh in reversed(missing):
            fresh.mkdir(exist_ok=True)
            # A folder is durable once the one above it is synced, which has its name.
            sync_folder(fresh.parent)


@contextlib.contextmanager
def explaining(path: Path) -> Iterator[None]:
    """Say of any error of the system in the block what it means for this path.

    Raises:
        StorageError: in place of every OSError that is none of Ticket Hub's own.
    """
    try:
        yield
    except OSError as error:
        raise _explain(path, error) from error


@contextlib.contextmanager
def open_durable(path: Path) -> Iterator[IO[bytes]]:
    """Write a file that afterwards is there whole, or not at all.

    The bytes go to a new name in the same folder, are synced, renamed to `path`, and the folder
    is synced. After any error the new file is dropped, never synced again (an fsync that failed
    once may report success the next time although the pages are lost), and what stood at `path`
    before is intact.

    Raises:
        StorageError: the disk is full, or the file system refuses.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")
    make_folder(path.parent)
    try:
        # x: a name that somebody else has is never written into.
        with part.open("xb") as stream:
            yield stream
            stream.flush()
            # Before the rename: a file system may put the new name on the disk before the bytes.
            sync_file(stream.fileno())
        part.replace(path)
        sync_folder(path.parent)  # a rename lasts once its folder is on the disk
    except BaseException as error:  # an interruption by the keyboard, too, leaves nothing behind
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _explain(path, error) from error
        raise


def write_bytes(path: Path, data: bytes) -> None:
    """Write a whole file durably; see `open_durable`."""
    with open_durable(path) as stream:
        stream.write(data)


def write_json(path: Path, value: Any) -> None:  # noqa: ANN401 - any JSON value
    """Write a JSON value durably, in a form that people can read and that never varies."""
    text = json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    write_bytes(path, text.encode() + b"\n")


def sweep(folder: Path) -> int:
    """Remove what interrupted writes left in a folder and those below it; returns how many.

    Only for a folder that nobody else writes to at this moment.
    """
    stale = [path for path in folder.rglob(".*.part") if path.is_file()]
    for path in stale:
        with contextlib.suppress(OSError):
            path.unlink()
    return len(stale)


def _explain(path: Path, error: OSError) -> TicketHubError:
    if isinstance(error, TicketHubError):
        return error
    known = _REASONS.get(error.errno)
    reason, remedy = known or (error.strerror or str(error), _REFUSED)
    return StorageError(f"{path} could not be written: {reason}.", remedy)
