"""Submit works, follow them to their end, and bring back what went wrong."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeAlias

from ticket_hub.engines.base import Engine, Work
from ticket_hub.engines.folder import WorkFolder
from ticket_hub.engines.progress import read_progress
from ticket_hub.errors import StoppedError

__all__ = ["Listener", "follow"]

Listener: TypeAlias = Callable[[Path, Mapping[str, Any]], None]
"""Told a work's folder and one of its events; see `ticket_hub.engines.progress`."""

PAUSE_SECONDS = 0.2


def follow(
    engine: Engine,
    works: Mapping[Path, Work],
    *,
    listen: Listener | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> None:
    """Have works done and wait for all of them. When one ends badly, the others are cancelled.

    Works that a process before this one has begun are followed on; those that it has finished
    are left alone.

    Args:
        works: by their folders.
        listen: told what this attempt's works say, soon after they say it.
        should_stop: asked several times a second; once true, the works are cancelled.

    Raises:
        StoppedError: `should_stop` became true; checkpoints are kept.
        WorkLostError: a work ended without saying why, or somebody else cancelled it.
        TicketHubError: what a work failed with; the same call goes on once that is mended.
    """
    followed = _WorkFollower(engine, works, listen)
    try:
        followed.submit()
        while not followed.look():
            _refuse_to_go_on(followed, should_stop)
            time.sleep(PAUSE_SECONDS)
    except BaseException:
        followed.cancel()
        raise


def _refuse_to_go_on(followed: _WorkFollower, should_stop: Callable[[], bool] | None) -> None:
    if should_stop is not None and should_stop():
        raise StoppedError(
            f"Stopped with {len(followed.left)} works to do; what they have done is kept.",
            "Run the same command again to go on.",
        )


class _WorkFollower:
    """Works on their way.

    Attributes:
        left: those not finished yet.
    """

    def __init__(self, engine: Engine, works: Mapping[Path, Work], listen: Listener | None) -> None:
        self._engine, self._works, self._listen = engine, works, listen
        self.left = list(works)
        self._offsets = {folder: _end_of_last(WorkFolder(folder)) for folder in works}

    def submit(self) -> None:
        """Hand all works to the engine."""
        for folder, work in self._works.items():
            self._engine.submit(folder, work)

    def look(self) -> bool:
        """Hear what is new; whether all are finished."""
        for folder in list(self.left):
            status = self._engine.poll(folder)
            path = WorkFolder(folder).progress
            events, self._offsets[folder] = read_progress(path, self._offsets[folder])
            if self._listen is not None:
                for event in events:
                    self._listen(folder, event)
            if status.is_over:
                self._engine.result(folder)
                self.left.remove(folder)
        return not self.left

    def cancel(self) -> None:
        """Cancel all that are left, at once."""
        with ThreadPoolExecutor(max_workers=max(1, len(self.left))) as threads:
            list(threads.map(self._engine.cancel, self.left))


def _end_of_last(folder: WorkFolder) -> int:
    """Where earlier attempts have ended to tell; one that still runs is heard from its start."""
    if folder.is_running or not folder.progress.exists():
        return 0
    return folder.progress.stat().st_size
