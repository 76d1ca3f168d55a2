"""Wrap the operating system's durable calls, so that the n-th goes wrong. Standard library only.

Kinds of faults at call n:
    before, after   SIGKILL before or after the call.
    half            half of the data is written (at a sync: is on the disk), then SIGKILL.
    power           SIGKILL after everything that was not synced is undone: data of files, names.
    ENOSPC, EIO     the call fails with this error; a write has then written half.
"""

# ruff: noqa: ANN401 - the wrapped calls take anything

from __future__ import annotations

import builtins
import errno
import io
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Self

KINDS = ("before", "after", "half", "power", "ENOSPC", "EIO")

ROOT, AT, KIND = "DISTURB_ROOT", "DISTURB_AT", "DISTURB_KIND"
"""Environment variables that name what the worker processes of a search shall suffer."""


@dataclass
class Disturber:
    """Counts durable calls under a folder and lets the n-th go wrong; n < 0 only watches.

    Attributes:
        calls: one word for each call so far.
        unsynced: renames of files whose data were not synced first.
        in_place: files that were opened for writing under the name that readers know.
    """

    root: Path
    at: int = -1
    kind: str = ""
    calls: list[str] = field(default_factory=list)
    unsynced: list[str] = field(default_factory=list)
    in_place: list[str] = field(default_factory=list)
    _dirty: set[str] = field(default_factory=set)
    _renamed: list[tuple[str, bytes | None]] = field(default_factory=list)

    def install(self) -> None:
        """Wrap the calls for the rest of this process."""
        real_open = io.open

        def watched_open(file: Any, mode: str = "r", *rest: Any, **named: Any) -> Any:
            if not set(mode) & set("wxa") or not self._ours(file):
                return real_open(file, mode, *rest, **named)
            if not str(file).endswith(".part"):
                self.in_place.append(str(file))
            opened = self._call("open", lambda: real_open(file, mode, *rest, **named))
            return _Watched(opened, self, str(file))

        io.open = builtins.open = watched_open
        self._wrap_fsync()
        self._wrap_replace()
        for name in ("unlink", "mkdir"):
            self._wrap_simple(name)

    def _ours(self, path: Any) -> bool:
        return isinstance(path, str | Path) and str(path).startswith(str(self.root))

    def _wrap_fsync(self) -> None:
        real = os.fsync

        def fsync(handle: Any) -> None:
            path = str(Path(f"/proc/self/fd/{handle}").readlink())
            if not self._ours(path):
                return real(handle)
            folder = Path(path).is_dir()
            half = None if folder else lambda: os.truncate(path, Path(path).stat().st_size // 2)
            self._call("sync-folder" if folder else "sync", lambda: real(handle), half)
            if folder:
                self._renamed = [r for r in self._renamed if str(Path(r[0]).parent) != path]
            self._dirty.discard(path)
            return None

        os.fsync = fsync  # type: ignore[assignment]

    def _wrap_replace(self) -> None:
        real = os.replace

        def replace(source: Any, target: Any) -> None:
            if not self._ours(target):
                return real(source, target)
            if str(source) in self._dirty:
                self.unsynced.append(str(target))
            old = Path(target).read_bytes() if Path(target).is_file() else None
            self._renamed.append((str(target), old))
            self._call("replace", lambda: real(source, target))
            return None

        os.replace = replace  # type: ignore[assignment]

    def _wrap_simple(self, name: str) -> None:
        real: Callable[..., None] = getattr(os, name)

        def wrapped(path: Any, *rest: Any, **named: Any) -> None:
            if not self._ours(path):
                return real(path, *rest, **named)
            self._call(name, lambda: real(path, *rest, **named))
            return None

        setattr(os, name, wrapped)

    def written(self, path: str) -> None:
        """A file has data that are not on the disk yet."""
        self._dirty.add(path)

    def _call(
        self, word: str, real: Callable[[], Any], half: Callable[[], object] | None = None
    ) -> Any:
        self.calls.append(word)
        if len(self.calls) - 1 != self.at:
            return real()
        if self.kind in {"ENOSPC", "EIO"}:
            if half is not None and word == "write":
                half()
            number = getattr(errno, self.kind)
            raise OSError(number, os.strerror(number))
        if self.kind == "half" and half is not None:
            half()
        elif self.kind in {"after", "power"}:
            real()
        if self.kind == "power":
            self._cut_power()
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("unreachable")

    def _cut_power(self) -> None:
        for path in self._dirty:
            if Path(path).is_file():
                os.truncate(path, Path(path).stat().st_size // 2)
        for path, old in reversed(self._renamed):
            if old is None:
                Path(path).unlink(missing_ok=True)
            else:
                Path(path).write_bytes(old)


class _Watched:
    """A file open for writing whose writes are counted."""

    def __init__(self, stream: IO[bytes], disturber: Disturber, path: str) -> None:
        self._stream, self._disturber, self._path = stream, disturber, path

    def write(self, data: bytes) -> int:
        def half() -> None:
            self._stream.write(bytes(data)[: len(data) // 2])
            self._stream.flush()

        self._disturber.written(self._path)
        count: int = self._disturber._call("write", lambda: self._stream.write(data), half)
        return count

    def writelines(self, lines: Any) -> None:
        self.write(b"".join(lines))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def install_from_environment() -> None:
    """Disturb this process as its environment says."""
    if ROOT in os.environ:
        Disturber(Path(os.environ[ROOT]), int(os.environ[AT]), os.environ[KIND]).install()
