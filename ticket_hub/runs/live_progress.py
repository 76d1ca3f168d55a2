"""How far training is in a run folder, for whoever watches it from another process.

`progress.json` is there while a process trains in the folder: rewritten once a second at most, and
gone when that process ends. It is no part of the run: it is not synced, nothing is read from it
but by people who watch, and a disk that is full loses it without a word.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ticket_hub.runs.file_names import PROGRESS
from ticket_hub.runs.seal import FORMAT
from ticket_hub.table import finite

if TYPE_CHECKING:  # whoever watches imports no PyTorch
    from ticket_hub.runs.resources import Resources
    from ticket_hub.training import Progress

__all__ = ["read_live", "telling", "told_both"]

SECONDS_BETWEEN = 1.0


@dataclass
class _LiveFile:
    """The writing end.

    Attributes:
        folder: of the run.
        begun: when the process began, in seconds since the epoch.
        members: the last reading of each that is in training.
    """

    folder: Path
    begun: float = field(default_factory=time.time)
    members: dict[str, dict[str, Any]] = field(default_factory=dict)
    _next: float = 0.0

    def observe(self, progress: Progress) -> None:
        """Keep a reading, and write all of them if it is time."""
        self.members[progress.member] = vars(progress) | {"time": time.time()}
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + SECONDS_BETWEEN
        # A search does not end because nobody can see how far it is.
        part = self.folder / f"{PROGRESS}.part"  # removed by the next search after a crash
        table = {
            "format": FORMAT,
            "process": os.getpid(),
            "host": socket.gethostname(),
            "begun": self.begun,
            "members": list(self.members.values()),
        }
        with contextlib.suppress(OSError):
            part.write_text(json.dumps(finite(table)), encoding="utf-8")
            part.replace(self.folder / PROGRESS)
        # What is through has been told; its result is in the folder, or will be soon.
        self.members = {
            name: each
            for name, each in self.members.items()
            if each["iteration"] < each["iterations"]
        }

    def remove(self) -> None:
        """Nothing is trained here any more."""
        for name in (PROGRESS, f"{PROGRESS}.part"):
            with contextlib.suppress(OSError):
                (self.folder / name).unlink()


@contextlib.contextmanager
def telling(folder: Path, resources: Resources) -> Iterator[Resources]:
    """Let whoever watches a run folder know how far training is, while the block runs.

    Args:
        folder: of the run; training must own its lock.
        resources: what training was to have; what is given has them, and tells the folder too.
    """
    live = _LiveFile(folder)
    try:
        yield replace(resources, observe=told_both(live.observe, resources.observe))
    finally:
        live.remove()


def told_both(
    first: Callable[[Progress], None], second: Callable[[Progress], None] | None
) -> Callable[[Progress], None]:
    """One observer that tells two; the first alone where there is no second."""
    if second is None:
        return first

    def observe(progress: Progress) -> None:
        """Tell both."""
        first(progress)
        second(progress)

    return observe


def read_live(folder: Path) -> Mapping[str, Any]:
    """What the process in a run folder has told last; empty where there is none.

    Returns:
        `process`, `host`, `begun` and `members`: for each, the fields of a `progress` event and the
        `time` of the reading, in seconds since the epoch.
    """
    try:
        table = json.loads((folder / PROGRESS).read_bytes())
    except (OSError, ValueError):
        return {}
    return table if isinstance(table, dict) and table.get("format") == FORMAT else {}
