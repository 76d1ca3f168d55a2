"""One worker process, as the parent has it."""

from __future__ import annotations

import contextlib
import importlib.util
import multiprocessing
import os
import subprocess
import sys

from ticket_hub.training.capacity import ONE_THREAD
from ticket_hub.training.messages import Begin, Do, Message, Stop, receive, send
from ticket_hub.training.sharing import SharedData
from ticket_hub.training.task import Task

__all__ = ["Process", "can_import"]

ENVIRONMENT = {
    **ONE_THREAD,
    "TICKET_CORES": "1",  # threads that decode pictures
    # A worker computes on the CPU, and must not open the GPU.
    "CUDA_VISIBLE_DEVICES": "",
    # glibc keeps large buffers for the next step, instead of giving them back to the system and
    # faulting them in again.
    "MALLOC_MMAP_THRESHOLD_": str(32 * 2**20),
    "MALLOC_TRIM_THRESHOLD_": str(2**30),
}
PROGRAM = """
import signal
for name in ("SIGINT", "SIGTERM", "SIGHUP"):
    if hasattr(signal, name):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
from ticket_hub.training.worker import main
main()
"""
"""Signals meant for the parent are ignored before the import of PyTorch, which takes seconds."""


def can_import(module: str) -> bool:
    """Whether a new interpreter could import a module: not the program itself, for one."""
    if module == "__main__" or not sys.executable:
        return False
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


class Process:
    """A single-threaded worker. It inherits one end of a pipe and the shared file, nothing else.

    It is a new interpreter, and not a copy of this one: neither threads nor locks come along, and
    the program that uses the library is not run again.

    Attributes:
        pipe: what it says arrives here.
        task: what it is at.
    """

    def __init__(self, shared: SharedData) -> None:
        self.pipe, theirs = multiprocessing.Pipe()
        handles = (theirs.fileno(), shared.handle)
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            # -P: a file in the present folder must not stand in for a module; PYTHONPATH has our
            # own path.
            [sys.executable, "-P", "-c", PROGRAM, *map(str, handles)],
            pass_fds=handles,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **ENVIRONMENT, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        # Only the child holds its end, so that its death closes the pipe, however it dies.
        theirs.close()
        self.task: Task | None = None
        self._number = 0
        self._tell(Begin(shared.sheet))

    @property
    def number(self) -> int:
        """The process's id."""
        return self._process.pid

    def begin(self, task: Task, module: str) -> None:
        """Give it a task; `module` registers the network."""
        self.task = task
        self._number += 1
        self._tell(Do(self._number, task, module))

    def stop(self) -> None:
        """Ask it to save what it has of its task, and to give it up."""
        self._tell(Stop(self._number))

    def hear(self) -> Message | None:
        """What it says next; None when it has ended."""
        try:
            return receive(self.pipe)
        except (EOFError, OSError):
            return None

    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def exit_code(self) -> int:
        """How it ended, once its pipe is closed; minus the signal that killed it."""
        try:
            return self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def end(self) -> None:
        """End it at once; only the bytes of checkpoints that it was writing are lost."""
        self.pipe.close()
        self._process.kill()
        self._process.wait()

    def _tell(self, message: Message) -> None:
        with contextlib.suppress(OSError):  # that it has ended is heard when it is listened to
            send(self.pipe, message)
