"""How far a work is, told through a file: one JSON object a line, only ever appended.

The events are those of `ticket_hub.runs.reporters`, and two more:

| event | fields |
|---|---|
| `started` | `host`, `process`, `time`: an attempt has begun |
| `ended` | `exit_code`, `time` |

Times are seconds since the epoch. A line
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
from ticket_hub.runs.reporters import Events, append_event, end_line
from ticket_hub.training import Progress

__all__ = ["ProgressFile", "as_progress", "read_progress"]

SECONDS_BETWEEN = 1.0
"""At most one `progress` line in so many seconds for each member, and one at its end."""


@dataclass
class ProgressFile(Events):
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
        end_line(self.path)
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
        super().observe(progress)

    def tell(self, event: str, **facts: Any) -> None:  # noqa: ANN401 - plain values
        """Append one line."""
        append_event(self.path, {"event": event} | facts)


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
