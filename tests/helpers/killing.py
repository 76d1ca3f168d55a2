"""A `ticket` command that is killed at a moment of the test's choice."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence

from tests.helpers import forked

__all__ = ["kill_ticket_when"]


def kill_ticket_when(is_there: Callable[[], object], arguments: Sequence[str]) -> None:
    """Begin `ticket ARGUMENTS` in a process of its own, and kill it once something is there.

    It may be through before it is killed, but may not have failed.
    """
    variables = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = forked.start("ticket_hub_cli", arguments, variables)
    try:
        while not is_there() and process.poll() is None:
            time.sleep(0.002)
    finally:
        process.kill()
    assert process.wait(60) in {0, -signal.SIGKILL}
