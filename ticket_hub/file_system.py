"""What Ticket Hub asks of a file system, and what becomes of it where the file system lacks that.

| what | where it is lacking | then |
|---|---|---|
| locks (flock) | Lustre mounted without them, NFS without its lock service | refused, by name |
| syncing a folder | some CIFS and FUSE mounts | left out: a power cut may undo new names |
| hard links | exFAT, some SMB and FUSE mounts | renamed without replacing, else refused, by name |
| modes | exFAT, some SMB mounts | left out: files are not protected from accidents |
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from pathlib import Path

from ticket_hub.errors import StorageError

try:
    import fcntl
except ImportError as error:
    raise StorageError(
        "This Python has no module fcntl, without which no two processes can be kept apart: "
        "Ticket Hub runs on Linux and macOS.",
        "On Windows, use it in the Windows Subsystem for Linux.",
    ) from error

__all__ = ["lock", "name_new", "protect", "sync_file", "sync_folder"]

_BUSY = {errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES}
_UNSUPPORTED = {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOTTY}
_NO_SYNC = _UNSUPPORTED | {errno.EBADF}
_REFUSED = _UNSUPPORTED | {errno.EPERM, errno.EACCES, errno.EMLINK}
_AT_FDCWD, _RENAME_NOREPLACE, _RENAME_EXCL = -100, 1, 4


def lock(handle: int, path: Path, *, shared: bool = False, wait: bool = False) -> bool:
    """Lock an open file until its handle, and every copy of it, is closed; False if it is taken.

    Args:
        path: of the file, for the message.
        shared: others may have a shared lock at the same time.
        wait: until the lock is free.

    Raises:
        StorageError: the file system gives no locks.
    """
    try:
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        fcntl.flock(handle, kind if wait else kind | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _BUSY:
            return False
        raise StorageError(
            f"{path.parent} lies on a file system that gives no locks (flock: "
            f"{error.strerror}), so nothing would keep two processes from working there at once.",
            "Use a folder on one that gives them (--out, or TICKET_HOME for all), or have this "
            "one mounted with them: `-o flock` on Lustre, the lock service on NFS.",
        ) from error
    return True


def sync_file(handle: int) -> None:
    """Make the bytes of an open file durable; on macOS down to the medium, past the disk's cache.

    Raises:
        OSError: the disk refuses. The file is then lost: a second try may report success wrongly.
    """
    full = getattr(fcntl, "F_FULLFSYNC", None)
    if full is not None:
        try:
            fcntl.fcntl(handle, full)
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
        else:
            return
    os.fsync(handle)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable, where the file system can.

    Raises:
        OSError: the disk refuses.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
    finally:
        os.close(handle)


def protect(file: int | Path) -> None:
    """Make a file, or an open one, read-only for everybody, where the file system has modes.

    Raises:
        OSError: the disk refuses.
    """
    try:
        os.chmod(file, 0o444)  # noqa: PTH101 - handles, too
    except OSError as error:
        if error.errno not in _REFUSED:
            raise


def name_new(draft: Path, path: Path) -> bool:
    """Give a finished file a name that must be free, atomically; False where it is taken.

    The draft may keep its own name beside the new one.

    Raises:
        StorageError: the file system can neither link a file nor rename it without replacing.
        OSError: the disk refuses.
    """
    try:
        os.link(draft, path)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _REFUSED:
            raise
        return _rename_new(draft, path)
    return True


def _rename_new(draft: Path, path: Path) -> bool:
    """What `name_new` promises, on a file system without links."""
    library = ctypes.CDLL(None, use_errno=True)
    names = os.fsencode(draft), os.fsencode(path)
    try:
        if sys.platform == "darwin":
            failed = library.renamex_np(*names, _RENAME_EXCL)
        else:
            failed = library.renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_NOREPLACE)
    except AttributeError:  # a C library from before 2018
        failed, number = True, errno.ENOSYS
    else:
        number = ctypes.get_errno()
    if not failed:
        return True
    if number == errno.EEXIST:
        return False
    if number not in _UNSUPPORTED:
        raise OSError(number, os.strerror(number), str(path))
    raise StorageError(
        f"{path.parent} lies on a file system without hard links that cannot rename a file "
        "without replacing another either, so of two pushes one could undo the other.",
        "Keep the hub's folder on one that can (ext4, XFS, NFS), or run `ticket serve` there.",
    )
