"""One process at a time in a run folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from ticket_hub.durable import make_folder
from ticket_hub.errors import RunLockedError, StorageError

__all__ = ["hold", "is_held"]

ATTEMPTS = 5
PAUSE_SECONDS = 0.05


@contextlib.contextmanager
def hold(path: Path) -> Iterator[None]:
    """Own a lock file while the block runs.

    The kernel gives the lock back when the process dies, however it dies, so that no stale lock
    is ever left. Works between processes of one machine, and between machines on an NFS share.
    The file says who holds it, for the message only.

    Raises:
        RunLockedError: another process owns it.
        StorageError: the file cannot be opened.
    """
    make_folder(path.parent)
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StorageError(
            f"{path} could not be opened: {error.strerror}.",
            "Check the folder's owner and permissions.",
        ) from error
    try:
        if not _take(handle):
            raise _locked(path, handle)
        with contextlib.suppress(OSError):  # a full disk shall not keep anyone from reading
            os.ftruncate(handle, 0)
            os.write(handle, f"process {os.getpid()} on {socket.gethostname()}".encode())
        yield
    finally:
        os.close(handle)


def is_held(path: Path) -> bool:
    """Whether some process owns the lock at this moment."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(handle)


def _take(handle: int) -> bool:
    # A few attempts, since `is_held` owns a shared lock for a moment.
    for attempt in range(ATTEMPTS):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if attempt < ATTEMPTS - 1:
                time.sleep(PAUSE_SECONDS)
        else:
            return True
    return False


def _locked(path: Path, handle: int) -> RunLockedError:
    owner = os.read(handle, 200).decode("utf-8", "replace").strip() or "another process"
    return RunLockedError(
        f"The run {path.parent} is being worked on by {owner}.",
        "Wait until it ends, or stop it; the same command then goes on where it was.",
    )
