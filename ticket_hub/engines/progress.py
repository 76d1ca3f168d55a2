"""How far a work is, told through a file: one JSON object a line, only ever appended.

| event | fields |
|---|---|
| `started` | `host`, `process`, `time`: an attempt has begun |
| `progress` | `member`, `iteration`, `iterations`, `validation_accuracy`, `test_accuracy` |
| `level` | `index`, `density`, `test_accuracy`, `early_stop`, `resumed`: of a search |
| `result` | `level`, `control`, `trial`, `accuracy`, `early_stop`, `resumed`: of a retraining |
| `notice` | `text`: something unusual |
| `ended` | `exit_code`, `time` |

Accuracies are in [0, 1]; null before the first reading. Times are seconds since the epoch. A line
is written with one call, so that a reader sees it whole or not yet; a machine that dies may lose
the last ones, which decide nothing: `result.json` and the run folder do.
"""

from __future__ import annotations

import json
import math
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ticket_hub.durable import make_folder
from ticket_hub.runs.level import Level
from ticket_hub.table import finite
from ticket_hub.training import Progress
from ticket_hub.transfer.result import Result

__all__ = ["ProgressFile", "as_progress", "read_progress"]

SECONDS_BETWEEN = 1.0
"""At most one `progress` line in so many seconds for each member, and one at its end."""


@dataclass
class ProgressFile:
    """The writing end.

    Attributes:
        path: of the file.
        clock: seconds since some moment.
    """

    path: Path
    clock: Callable[[], float] = time.monotonic
    _told: dict[str, float] = field(default_factory=dict)

    def started(self) -> None:
        """An attempt begins. Half a line that an earlier one left is ended first."""
        make_folder(self.path.parent)
        if self.path.exists() and not self.path.read_bytes().endswith(b"\n"):
            self._append(b"\n")
        host, process = socket.gethostname(), os.getpid()
        self.tell("started", host=host, process=process, time=time.time())

    def ended(self, code: int) -> None:
        """The attempt is over."""
        self.tell("ended", exit_code=code, time=time.time())

    def observe(self, progress: Progress) -> None:
        """A member got so far; told now and then."""
        now = self.clock()
        last = self._told.get(progress.member)
        over = progress.iteration >= progress.iterations
        if last is not None and now - last < SECONDS_BETWEEN and not over:
            return
        self._told[progress.member] = now
        self.tell("progress", **vars(progress))

    def level(self, level: Level) -> None:
        """A level of a search is on disk."""
        self.tell("level", **vars(level.summary), resumed=level.resumed)

    def result(self, result: Result) -> None:
        """A network of a retraining is on disk."""
        self.tell(
            "result",
            level=result.level,
            control=result.control,
            trial=result.trial,
            accuracy=result.accuracy,
            early_stop=result.early_stop,
            resumed=result.resumed,
        )

    def notify(self, text: str) -> None:
        """Something unusual happened."""
        self.tell("notice", text=text)

    def tell(self, event: str, **facts: Any) -> None:  # noqa: ANN401 - plain values
        """Append one line."""
        plain = {key: finite(value) for key, value in facts.items()}
        self._append(json.dumps({"event": event} | plain, ensure_ascii=False).encode() + b"\n")

    def _append(self, data: bytes) -> None:
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            os.write(handle, data)
        finally:
            os.close(handle)


def read_progress(path: Path, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
    """The events behind a byte offset, and the offset to go on from.

    Half a line at the end is left for the next time; a line that is no event is left out.
    """
    try:
        with path.open("rb") as stream:
            stream.seek(offset)
            data = stream.read()
    except FileNotFoundError:
        return [], offset
    whole = data[: data.rfind(b"\n") + 1]
    found = (_event(line) for line in whole.splitlines())
    return [event for event in found if event is not None], offset + len(whole)


def as_progress(event: dict[str, Any]) -> Progress:
    """The `Progress` that an event of this name was made of."""
    return Progress(
        member=str(event["member"]),
        iteration=int(event["iteration"]),
        iterations=int(event["iterations"]),
        validation_accuracy=_number(event["validation_accuracy"]),
        test_accuracy=_number(event["test_accuracy"]),
    )


def _event(line: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "event" in event else None


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
