"""Work that needs PyTorch, in a process of its own: the service itself does without.

PyTorch takes seconds to import, and more memory than all else. In the service both would fall upon
whoever asks first, and hold up everybody meanwhile. So one more process, with its own way to the
database and the storage, reads bundles, judges evidence, estimates jobs and draws.

Each piece of work has a pipe of its own, whose other end travels over the one socket between both
processes. The kernel closes them all with the side that ends, however it ends: the process ends
with its service, and who waits for an answer hears that none will come. Pieces that come while
others are done get threads of their own: a short one never waits until a long one is over.
"""

from __future__ import annotations

import multiprocessing
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from ticket_hub.errors import HubUnavailableError
from ticket_hub.training.capacity import ONE_THREAD
from ticket_hub_api.settings import Settings
from ticket_hub_api.store.blobs import Blobs
from ticket_hub_api.store.database import Database

__all__ = ["OpenHub", "TorchProcess"]

P = ParamSpec("P")
T = TypeVar("T")
PROGRAM = """
import signal
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
from ticket_hub_api.torch_worker import main
main()
"""
"""Signals that may be sent to the whole group are the service's: it answers its requests first."""


class OpenHub(Protocol):
    """An open hub, as far as the rooms below its doors use it."""

    @property
    def settings(self) -> Settings:
        """The operator's choices."""

    @property
    def database(self) -> Database:
        """The rows."""

    @property
    def blobs(self) -> Blobs:
        """The bytes."""

    @property
    def torch_process(self) -> TorchProcess:
        """Does what needs PyTorch."""


@dataclass(frozen=True)
class _TorchChild:
    process: subprocess.Popen[bytes]
    work: socket.socket


class TorchProcess:
    """The process that does one service's work with PyTorch; the service itself until it starts."""

    def __init__(self, hub: OpenHub) -> None:
        """Start nothing yet."""
        self._hub = hub
        self._lock = threading.Lock()
        self._started: _TorchChild | None = None

    def start(self) -> None:
        """Start it, so that it is ready when somebody asks. It takes seconds; nobody waits."""
        with self._lock:
            self._started = _start(self._hub.settings)

    def call(
        self, act: Callable[Concatenate[OpenHub, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """What `act(hub, ...)` returns or raises, in the process if it was started, else here.

        Args:
            act: a function of a module; it, its arguments and its result are pickled.

        Raises:
            HubUnavailableError: the process was ended, as by a machine without memory. Who asks
                next finds another one.
        """
        started = self._running()
        if started is None:
            return act(self._hub, *args, **kwargs)
        ours, theirs = multiprocessing.Pipe()
        with ours:
            try:
                with theirs:
                    socket.send_fds(started.work, [b"\0"], [theirs.fileno()])
                ours.send((act, args, kwargs))
                value, error = ours.recv()
            except (EOFError, OSError) as ended:
                raise HubUnavailableError(
                    "The hub's process for tickets and evidence was ended.",
                    "Try again in a few seconds; its operator may look whether memory is short.",
                ) from ended
        if error is not None:
            raise error
        result: T = value
        return result

    def close(self) -> None:
        """End it; whoever closes a service has answered all requests, so that nobody waits."""
        with self._lock:
            if self._started is not None:
                self._started.work.close()
                self._started.process.kill()
                self._started.process.wait()
                self._started = None

    def _running(self) -> _TorchChild | None:
        """The process, started anew where it was ended; None where it never was to be."""
        with self._lock:
            if self._started is not None and self._started.process.poll() is not None:
                self._started.work.close()
                self._started = _start(self._hub.settings)
            return self._started


def _start(settings: Settings) -> _TorchChild:
    """A new interpreter: neither threads nor locks come along, nor any open file but one."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-P", "-c", PROGRAM, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            env={
                **os.environ,
                **settings.to_environment(),
                **ONE_THREAD,  # all of its work is small
                "PYTHONPATH": os.pathsep.join(sys.path),
            },
        )
    return _TorchChild(process, ours)
