"""`ticket worker`: so many slots, each a process of its own that is started again when it dies."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from ticket_hub.durable import make_folder
from ticket_hub_api.worker.options import Options
from ticket_hub_api.worker.slot import to_line

__all__ = ["Worker"]

_log = logging.getLogger("ticket_hub_api.jobs")
LOOK_SECONDS = 0.2
PATIENCE_SECONDS = 30.0
AGAIN_SECONDS = 5.0
_SECRETS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")


class Worker:
    """Keeps the slots of one machine running until it is told to stop.

    Args:
        slots: one for each; all on the same hub.
    """

    def __init__(self, slots: Sequence[Options]) -> None:
        """Start nothing yet."""
        self.slots = slots
        self.stopping = threading.Event()
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._begun: dict[int, float] = {}

    def run(self) -> None:
        """Work until SIGTERM or Ctrl-C; running jobs are then checkpointed and given back."""
        for folder in {options.jobs_folder for options in self.slots}:
            make_folder(Path(folder))
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        try:
            while not self.stopping.is_set():
                for index in range(len(self.slots)):
                    self._keep(index)
                self.stopping.wait(LOOK_SECONDS)
        finally:
            for process in self._processes.values():
                if process.poll() is None:
                    process.terminate()
            end = time.monotonic() + PATIENCE_SECONDS
            for process in self._processes.values():
                try:
                    process.wait(max(0.1, end - time.monotonic()))
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self.stopping.set()

    def _keep(self, index: int) -> None:
        process = self._processes.get(index)
        if process is not None and process.poll() is None:
            return
        if process is not None:
            code = process.returncode
            _log.warning("%s ended with code %s", self.slots[index].slot, code)
            if time.monotonic() - self._begun[index] < AGAIN_SECONDS:
                self.stopping.wait(AGAIN_SECONDS)
        if not self.stopping.is_set():
            self._begun[index] = time.monotonic()
            self._processes[index] = _start(self.slots[index])


def _start(options: Options) -> subprocess.Popen[bytes]:
    environment = {name: value for name, value in os.environ.items() if name not in _SECRETS}
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "ticket_hub_api.worker.slot"],
        stdin=subprocess.PIPE,
        env=environment | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        start_new_session=True,
    )
    assert process.stdin is not None, "it was asked for"
    process.stdin.write(to_line(options))
    process.stdin.flush()  # it stays open: when this process dies, the slot sees its end
    return process
