"""How often a long computation looks up: to be stopped, and to save what it has."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from ticket_hub.training.ranks import Team

__all__ = ["CheckpointClock", "Poll", "StepPacer"]

CHUNK_SECONDS = 0.5
MAX_STEPS = 10_000
CHECKPOINT_SHARE = 50
"""A checkpoint may cost one part in so many of the time between two of them: 2%."""

END_SECONDS = 5.0
"""Training that is worth a checkpoint at its end, so that finishing loses less than this."""


class Poll:
    """Asks whether to stop; once told so, it does not ask again."""

    def __init__(self, should_stop: Callable[[], bool] | None) -> None:
        self._ask, self._stopped = should_stop, False

    def __call__(self) -> bool:
        """Whether somebody has asked to stop."""
        if self._ask is not None and not self._stopped:
            self._stopped = self._ask()
        return self._stopped


class StepPacer:
    """Cuts a run of steps into pieces of about half a second.

    On CUDA, where the host runs ahead of the device, each piece waits for the one before, so that
    the device never idles and the host is at most two pieces ahead.

    Args:
        team: the processes that train together: the first one's clock counts.
    """

    def __init__(self, device: torch.device, team: Team | None = None) -> None:
        self.steps, self._team = 1, team
        self._began = 0.0
        self._events: list[torch.cuda.Event] = []
        self._device = device

    def begin(self) -> None:
        """Before a piece."""
        self._began = time.monotonic()

    def end(self, steps: int) -> None:
        """After a piece of so many steps: the next is longer where this one was short."""
        if self._device.type == "cuda":
            event = torch.cuda.Event(blocking=True)  # the host sleeps meanwhile
            event.record(torch.cuda.current_stream(self._device))
            self._events.append(event)
            if len(self._events) > 1:
                self._events.pop(0).synchronize()
        seconds = (time.monotonic() - self._began) / steps
        fitting = int(CHUNK_SECONDS / max(seconds, 1e-9))
        self.steps = max(1, min(fitting, 2 * self.steps, MAX_STEPS))
        if self._team is not None:
            # Clocks differ, and processes that do other numbers of steps would wait for each other
            # for ever.
            told = torch.tensor([self.steps])
            self._team.copy_first([told])
            self.steps = int(told)


class CheckpointClock:
    """When the next checkpoint is due: after the interval, or later where one is expensive.

    Args:
        seconds: between two checkpoints.
        now: the time in seconds, from any origin.
    """

    def __init__(self, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._cost, self._now = seconds, 0.0, now
        self._last = now()

    def due(self) -> bool:
        """Whether it is time."""
        return self._is_past(self._seconds)

    def due_at_the_end(self) -> bool:
        """Whether a finished member is worth a checkpoint.

        Its results are in memory alone until all members are through, which can take hours.
        """
        return self._is_past(min(self._seconds, END_SECONDS))

    def saved(self, cost: float) -> None:
        """One was saved just now, and took so many seconds."""
        self._last, self._cost = self._now(), cost

    def _is_past(self, seconds: float) -> bool:
        return self._now() - self._last >= max(seconds, CHECKPOINT_SHARE * self._cost)
