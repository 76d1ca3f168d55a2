"""A work that must not outlive whoever submitted it: it ends when a pipe does.

The submitter holds the only writing end, which the kernel closes when it dies, however it dies.
"""

from __future__ import annotations

import os
import signal
import threading
import time

__all__ = ["exit_with"]

GRACE_SECONDS = 8.0


def exit_with(handle: int, grace_seconds: float = GRACE_SECONDS) -> None:
    """Stop this process, and after a grace kill its whole group, once the pipe is at its end.

    Args:
        handle: the reading end, inherited.
        grace_seconds: training keeps a checkpoint in that time.
    """

    def watch() -> None:
        """Wait for the end of the pipe; then stop this process, and kill what is left of it."""
        while os.read(handle, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(grace_seconds)
        os.killpg(os.getpgrp(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True, name="tether").start()
