"""Wait for what a process does, however fast the machine is."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from ticket_hub.engines.base import Engine, State
from ticket_hub.engines.progress import read_progress

LIMIT_SECONDS = 120.0


def until(happened: Callable[[], bool]) -> None:
    """Look thirty times a second until it is true."""
    end = time.monotonic() + LIMIT_SECONDS
    while not happened():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.03)


def until_over(engine: Engine, *folders: Path) -> list[State]:
    """Wait for works, and say how they ended."""
    until(lambda: all(engine.poll(folder).is_over for folder in folders))
    return [engine.poll(folder).state for folder in folders]


def events(folder: Path, name: str) -> list[dict[str, object]]:
    """What a work has told under one name."""
    found, _ = read_progress(folder / "progress.jsonl")
    return [event for event in found if event["event"] == name]
