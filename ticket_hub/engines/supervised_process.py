"""A work in a process of its own, attended by a task of a cluster that lives no longer than it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from ticket_hub.durable import make_folder
from ticket_hub.engines.child_environment import child_environment
from ticket_hub.engines.folder import WorkFolder

__all__ = ["GRACE_SECONDS", "SupervisedProcess", "see", "until_free"]

PATIENCE_SECONDS = 120.0
"""Longer than a file server believes in a machine that has died (90 seconds with NFS)."""

GRACE_SECONDS = 8.0
"""Between asking a process to end and ending it: a checkpoint is written meanwhile."""
LOOK_SECONDS = 0.2


class SupervisedProcess:
    """The process of one work. It dies with this one: it reads the end of a pipe held open here.

    Args:
        folder: of the work.
        workers: most training processes on a CPU where the work does not say.
        has_gpu: whether the process sees the GPUs that this one sees, or none.
        processes: that train each network together; the work's process starts the others.
    """

    def __init__(
        self, folder: Path, *, workers: int | None, has_gpu: bool, processes: int = 1
    ) -> None:
        make_folder(folder)
        self._folder = WorkFolder(folder)
        # The process reads the end of this pipe when its parent is gone, however that ended.
        reader, self._lifeline = os.pipe()
        cuda = os.environ.get("CUDA_VISIBLE_DEVICES") if has_gpu else ""
        command = [sys.executable, "-P", "-m", "ticket_hub.engines.execute", str(folder)]
        command += ["--patience", str(PATIENCE_SECONDS), "--lifeline", str(reader)]
        command += ["--processes", str(processes)]
        command += [] if workers is None else ["--workers", str(workers)]
        try:
            with self._folder.log.open("ab") as log:
                self._process = subprocess.Popen(  # noqa: S603 - our own program
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(reader,),
                    env=child_environment(cuda=cuda),
                    start_new_session=True,  # a group that can be killed whole, and hears no Ctrl-C
                )
        finally:
            os.close(reader)

    def wait(self) -> int:
        """Wait for its end and return its exit code; cancelled on the way, it is stopped.

        It waits in short steps, between which signals and interrupts are heard.
        """
        while self._process.poll() is None:
            if self._folder.is_cancelled:
                self.stop()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(LOOK_SECONDS)
        return self._process.returncode

    def stop(self) -> None:
        """Have it keep a checkpoint and end; after eight seconds it is killed."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()

    def close(self) -> None:
        """Stop it, and let go of the pipe."""
        self.stop()
        os.close(self._lifeline)


def until_free(place: WorkFolder, seconds: float) -> bool:
    """Wait so long at most for a work's process to be gone; whether it is."""
    end = time.monotonic() + seconds
    while place.is_running and time.monotonic() < end:
        time.sleep(LOOK_SECONDS)
    return not place.is_running


def see(place: WorkFolder, code: int) -> None:
    """Wait until what another machine has written is seen here, too: NFS may take a while.

    Args:
        code: the exit code of the work's process.
    """
    end = time.monotonic() + PATIENCE_SECONDS
    expected = {0: "finished", 75: "stopped"}.get(code, "failed")
    while place.status().state not in {expected, "cancelled"} and time.monotonic() < end:
        time.sleep(LOOK_SECONDS)
