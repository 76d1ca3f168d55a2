"""One process at a time in a run folder."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from ticket_hub.durable import make_folder
from ticket_hub.errors import RunLockedError, StorageError
from ticket_hub.file_system import lock, private
from ticket_hub.runs.file_names import RUN

__all__ = ["acquire", "hold", "is_held", "owned"]

PATIENCE_SECONDS = 0.2
"""Long enough for `is_held`, which owns a shared lock for a moment."""

PAUSE_SECONDS = 0.02
MAX_PAUSE_SECONDS = 0.5


@contextlib.contextmanager
def hold(path: Path, *, patience_seconds: float = PATIENCE_SECONDS) -> Iterator[None]:
    """Own a lock file while the block runs; see `acquire`.

    Raises:
        RunLockedError: another process owns it.
        StorageError: the file cannot be opened.
    """
    handle = acquire(path, patience_seconds=patience_seconds)
    try:
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def owned(folder: Path) -> Iterator[None]:
    """Be the only one to write a bundle: that of a run has the run's lock.

    Raises:
        RunLockedError: another process works in the run.
    """
    # A bundle in a run is rewritten by its search after every level; any other has no writer but
    # us.
    if (folder.parent / RUN).is_file():
        with hold(folder.parent / "lock"):
            yield
    else:
        yield


def acquire(path: Path, *, patience_seconds: float = PATIENCE_SECONDS) -> int:
    """Own a lock file until the handle returned, and every copy that a child has, is closed.

    The kernel gives the lock back when the process dies, however it dies, so that no stale lock
    is ever left. Works between processes of one machine, and between machines on an NFS share.
    When a whole machine dies, its share's server gives the lock back after a while (90 seconds
    with NFS's usual lease). The file says who holds it, for the message only.

    Args:
        patience_seconds: how long to wait for an owner that may be dead.

    Raises:
        RunLockedError: another process owns it.
        StorageError: the file cannot be opened, or the file system gives no locks.
    """
    make_folder(path.parent)
    try:
        # Without O_TRUNC: the name of whoever holds it must stay until the lock is ours.
        handle = os.open(path, private(os.O_RDWR | os.O_CREAT), 0o644)
    except OSError as error:
        raise StorageError(
            f"{path} could not be opened: {error.strerror}.",
            "Check the folder's owner and permissions.",
        ) from error
    try:
        _take(path, handle, patience_seconds)
        with contextlib.suppress(OSError):  # a full disk shall not keep anyone from reading
            os.ftruncate(handle, 0)
            os.write(handle, f"process {os.getpid()} on {socket.gethostname()}".encode())
    except BaseException:
        os.close(handle)
        raise
    return handle


def is_held(path: Path) -> bool:
    """Whether some process owns the lock at this moment; nobody can where there are no locks."""
    try:
        handle = os.open(path, private(os.O_RDONLY))
    except OSError:
        return False
    try:
        return not lock(handle, path, shared=True)  # shared: two who look do not see each other
    except StorageError:
        return False
    finally:
        os.close(handle)


def _take(path: Path, handle: int, patience_seconds: float) -> None:
    pause, end = PAUSE_SECONDS, time.monotonic() + patience_seconds
    while not lock(handle, path):
        if time.monotonic() >= end:
            owner = os.read(handle, 200).decode("utf-8", "replace").strip() or "another process"
            raise RunLockedError(
                f"The run {path.parent} is being worked on by {owner}.",
                "Wait until it ends, or stop it; the same command then goes on where it was.",
            )
        time.sleep(pause)
        # Longer and longer: on a network file system each try is a question to the server.
        pause = min(1.5 * pause, MAX_PAUSE_SECONDS)
