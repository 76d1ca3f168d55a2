"""What Ticket Hub asks of a file system, and what becomes of it where the file system lacks that.

| what | where it is lacking | then |
|---|---|---|
| locks (flock) | Lustre mounted without them, NFS without its lock service | refused, by name |
| syncing a folder | some CIFS and FUSE mounts | left out: a power cut may undo new names |
| hard links | exFAT, some SMB and FUSE mounts | renamed without replacing, else refused, by name |
| modes | exFAT, some SMB mounts, Windows | left out: files are not protected from accidents |

On Windows a byte of a file is locked instead of the file, and links are looked for before a file is
opened instead of while it is.
"""

from __future__ import annotations

import ctypes
import errno
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ticket_hub.errors import StorageError

fcntl: Any
try:
    fcntl = importlib.import_module("fcntl")
except ImportError:  # Windows
    fcntl = None

__all__ = [
    "READ_ONLY",
    "lock",
    "name_new",
    "open_within",
    "private",
    "protect",
    "read_at",
    "sync_file",
    "sync_folder",
]

# Windows refuses to read bytes that another process has locked, and the file says who that is.
_LOCKED_BYTE = 1 << 40
"""Where Windows, whose locks are of parts of files, locks one: behind all that is read."""


def private(flags: int) -> int:
    """Flags of `os.open` for bytes as they are, in a file that no child of this process is to have.

    Other systems have other names for it, and some lack one.
    """
    for name in ("O_CLOEXEC", "O_NOINHERIT", "O_BINARY"):
        flags |= getattr(os, name, 0)
    return flags


# O_NONBLOCK: opening a pipe that a stranger has put there would wait for a writer, for ever.
READ_ONLY = private(os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
"""Of a file that may be a link or a pipe of a stranger's."""


def open_within(folder: Path, parts: Sequence[str]) -> int:
    """Open a file folder by folder, so that neither it nor any of them is a link.

    Where the system opens nothing relative to an open folder (Windows), each is looked at before.

    Raises:
        OSError: with ELOOP, one is a link; or there is none, or it may not be read.
    """
    if os.open not in os.supports_dir_fd:
        path = folder
        for part in parts:
            path /= part
            if path.is_symlink():
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
        return os.open(path, READ_ONLY)
    # From folder to folder by handles: a path could be changed between a look and the opening.
    place = os.open(folder, private(os.O_RDONLY | os.O_DIRECTORY))
    for part in parts:
        try:
            inner = os.open(
                part, READ_ONLY | (os.O_DIRECTORY if part is not parts[-1] else 0), dir_fd=place
            )
        finally:
            os.close(place)
        place = inner
    return place


def read_at(handle: int, count: int, offset: int) -> bytes:
    """So many bytes of an open file from a place on, fewer at its end."""
    # By place, so that threads that share the handle do not move each other's position.
    if hasattr(os, "pread"):
        return os.pread(handle, count, offset)
    os.lseek(handle, offset, os.SEEK_SET)
    return os.read(handle, count)


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
    if fcntl is None:
        return _lock_byte(handle, wait=wait)
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


def _lock_byte(handle: int, *, wait: bool) -> bool:
    """What `lock` promises, on Windows, where no lock is shared."""
    windows = importlib.import_module("msvcrt")
    place = os.lseek(handle, 0, os.SEEK_CUR)
    os.lseek(handle, _LOCKED_BYTE, os.SEEK_SET)
    try:
        while True:
            try:
                windows.locking(handle, windows.LK_LOCK if wait else windows.LK_NBLCK, 1)
            except OSError:
                if not wait:  # it waits for ten seconds at most
                    return False
            else:
                return True
    finally:
        os.lseek(handle, place, os.SEEK_SET)


def sync_file(handle: int) -> None:
    """Make the bytes of an open file durable; on macOS down to the medium, past the disk's cache.

    Raises:
        OSError: the disk refuses. The file is then lost: a second try may report success wrongly.
    """
    # On macOS, fsync only hands bytes to the disk, which may keep them in its own cache.
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
    if not hasattr(os, "O_DIRECTORY"):  # Windows opens no folders
        return
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
    if fcntl is None:  # Windows deletes and replaces no file that is read-only
        return
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
        # A link fails where the name is taken, on network file systems too; a rename would replace
        # it.
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
    if os.name == "nt":
        try:
            draft.rename(path)
        except FileExistsError:
            return False
        return True
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
