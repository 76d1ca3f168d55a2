"""Disturb a real search at its n-th durable call, run it again, and compare every byte.

Run as a script; the tests do so. The production code has no hooks: what is wrapped are the calls
of the operating system that it makes (open for writing, write, fsync, replace, unlink, mkdir).
Every disturbed search and every rerun is a process of its own, forked from one that has imported
everything and has not started a thread.

Kinds of faults at call n:
    before, after   SIGKILL before or after the call.
    half            half of the data is written (at a sync: is on the disk), then SIGKILL.
    power           SIGKILL after everything that was not synced is undone: data of files, names.
    ENOSPC, EIO     the call fails with this error; a write has then written half.
"""

# ruff: noqa: ANN401 - the wrapped calls take anything

from __future__ import annotations

import argparse
import builtins
import contextlib
import errno
import hashlib
import io
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Self

import sklearn.datasets  # noqa: F401 - imported before the forks
import torch

from ticket_hub.errors import StoppedError, StorageError
from ticket_hub.recipe import Recipe
from ticket_hub.recipes import load_recipe
from ticket_hub.search import search

KINDS = ("before", "after", "half", "power", "ENOSPC", "EIO")


@dataclass
class Disturber:
    """Counts durable calls under a folder and lets the n-th go wrong; n < 0 only watches.

    Attributes:
        calls: one word for each call so far.
        unsynced: renames of files whose data were not synced first.
    """

    root: Path
    at: int = -1
    kind: str = ""
    calls: list[str] = field(default_factory=list)
    unsynced: list[str] = field(default_factory=list)
    _dirty: set[str] = field(default_factory=set)
    _renamed: list[tuple[str, bytes | None]] = field(default_factory=list)

    def install(self) -> None:
        """Wrap the calls for the rest of this process."""
        real_open = io.open

        def watched_open(file: Any, mode: str = "r", *rest: Any, **named: Any) -> Any:
            if not set(mode) & set("wxa") or not self._ours(file):
                return real_open(file, mode, *rest, **named)
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


def tiny() -> Recipe:
    """Three levels of two small networks, rewound to a step."""
    return load_recipe("digits-quick").replace(
        {
            "network.name": "lenet-8",
            "training.iterations": 12,
            "training.evaluate_every": 4,
            "search.levels": 2,
            "search.trials": 2,
            "search.rewind": "2it",
        }
    )


def stopped_and_resumed(folder: Path) -> None:
    """A whole search that is asked to stop in the middle of level 1, and then goes on."""
    wish = False
    finished = 0

    def observe(progress: Any) -> None:
        nonlocal wish
        if finished == 1 and progress.iteration >= 4:
            wish = True
            time.sleep(0.06)  # the wish is asked for at most twenty times a second

    with contextlib.suppress(StoppedError):
        for _ in search(
            tiny(), run_folder=folder, workers=1, observe=observe, should_stop=lambda: wish
        ):
            finished += 1
    assert finished == 1, "the search was not stopped in level 1"
    straight(folder)


def straight(folder: Path) -> None:
    """A whole search."""
    for _ in search(tiny(), run_folder=folder, workers=1):
        pass


def tree(folder: Path) -> dict[str, str]:
    """The sha256 of every file in a run folder but its lock."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "lock"
    }


def apart(work: Callable[[], Any]) -> tuple[int, Any]:
    """Do something in a forked process; returns how it ended, and what it gave."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        code = 70
        try:
            answer = json.dumps(work()).encode()
            os.write(writer, len(answer).to_bytes(8, "big") + answer)
            code = 0
        except StorageError:
            code = 74
        except BaseException as error:  # noqa: BLE001 - told by the exit code and on stderr
            sys.stderr.write(f"{error!r}\n")
        finally:
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        data = stream.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return status, json.loads(data[8:]) if data else None


def watch(folder: Path) -> dict[str, Any]:
    """The durable calls of an undisturbed search."""
    disturber = Disturber(folder)
    disturber.install()
    stopped_and_resumed(folder)
    return {"calls": disturber.calls, "unsynced": disturber.unsynced}


def disturb(folder: Path, at: int, kind: str) -> None:
    """A search that goes wrong at one call."""
    Disturber(folder, at, kind).install()
    stopped_and_resumed(folder)


def judge(place: Path, at: int, kind: str, expected: dict[str, str]) -> list[str]:
    """Disturb, run again, compare; returns what is wrong."""
    folder = place / f"{at}-{kind}"
    status, _ = apart(lambda: disturb(folder, at, kind))
    wrong = []
    if status not in ({74} if kind in {"ENOSPC", "EIO"} else {-signal.SIGKILL}):
        wrong.append(f"the disturbed search ended with {status}")
    status, _ = apart(lambda: straight(folder))
    if status:
        wrong.append(f"the rerun ended with {status}")
    got = tree(folder)
    changed = [name for name in got.keys() | expected.keys() if got.get(name) != expected.get(name)]
    if changed:
        wrong.append(f"the rerun differs in {sorted(changed)}")
    shutil.rmtree(folder)
    return wrong


def campaign(place: Path, every: int, offset: int) -> dict[str, Any]:
    """Disturb at every so many-th pair of call and kind."""
    status, seen = apart(lambda: watch(place / "watched"))
    if status:
        raise SystemExit(f"the watched search ended with {status}")
    expected = tree(place / "watched")
    status, _ = apart(lambda: straight(place / "straight"))
    failures = {} if tree(place / "straight") == expected else {"straight": ["differs"]}
    pairs = [(at, kind) for at in range(len(seen["calls"])) for kind in KINDS]
    chosen = pairs[offset::every]
    for at, kind in chosen:
        wrong = judge(place, at, kind, expected)
        if wrong:
            failures[f"{kind} at {at} ({seen['calls'][at]})"] = wrong
    seen |= {"pairs": len(pairs), "injections": len(chosen), "failures": failures}
    return dict(seen)


def main() -> None:
    """Print what a campaign found, as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--offset", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        json.dump(campaign(Path(place), options.every, options.offset), sys.stdout)


if __name__ == "__main__":
    main()
