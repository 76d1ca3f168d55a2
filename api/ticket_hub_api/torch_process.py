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

import contextlib
import multiprocessing
import os
import pickle
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from ticket_hub import plugins
from ticket_hub.errors import HubUnavailableError, PluginError
from ticket_hub_api.observing.logs import configure_logging
from ticket_hub_api.settings import Settings

if TYPE_CHECKING:
    from ticket_hub_api.services import Services

__all__ = ["TorchProcess", "do_work", "main"]

P = ParamSpec("P")
T = TypeVar("T")
PROGRAM = """
import signal
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
from ticket_hub_api.torch_process import main
main()
"""
"""Signals that may be sent to the whole group are the service's: it answers its requests first."""
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}  # all of its work is small


@dataclass(frozen=True)
class _Started:
    process: subprocess.Popen[bytes]
    work: socket.socket


class TorchProcess:
    """The process that does one service's work with PyTorch; the service itself until it starts."""

    def __init__(self, services: Services) -> None:
        """Start nothing yet."""
        self._services = services
        self._lock = threading.Lock()
        self._started: _Started | None = None

    def start(self) -> None:
        """Start it, so that it is ready when somebody asks. It takes seconds; nobody waits."""
        with self._lock:
            self._started = _start(self._services.settings)

    def call(
        self, act: Callable[Concatenate[Services, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """What `act(services, ...)` returns or raises, in the process if it was started, else here.

        Args:
            act: a function of a module; it, its arguments and its result are pickled.

        Raises:
            HubUnavailableError: the process was ended, as by a machine without memory. Who asks
                next finds another one.
        """
        started = self._running()
        if started is None:
            return act(self._services, *args, **kwargs)
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

    def _running(self) -> _Started | None:
        """The process, started anew where it was ended; None where it never was to be."""
        with self._lock:
            if self._started is not None and self._started.process.poll() is not None:
                self._started.work.close()
                self._started = _start(self._services.settings)
            return self._started


def _start(settings: Settings) -> _Started:
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
                **ENVIRONMENT,
                "PYTHONPATH": os.pathsep.join(sys.path),
            },
        )
    return _Started(process, ours)


def main() -> None:
    """Be the process: do what comes over the socket, until its other end is closed."""
    work = socket.socket(fileno=int(sys.argv[1]))
    settings = Settings.from_environment()
    configure_logging(settings.log_level)
    services = ThreadPoolExecutor(1).submit(_prepare, settings)
    while True:
        said, handles, _, _ = socket.recv_fds(work, 1, 1)
        if not said:
            os._exit(0)  # whatever is being imported or done: nobody is there to hear of it
        for handle in handles:  # none where too many files are open: it was closed, and is missed
            given = (services, Connection(handle))
            threading.Thread(target=do_work, args=given, daemon=True).start()


def _prepare(settings: Settings) -> Services:
    """Import what takes long, so that no request waits for it, and open the hub."""
    import ticket_hub.report.comparison
    import ticket_hub.report.illustrate
    import ticket_hub.transfer.planning  # noqa: F401 - as said
    import ticket_hub_api.app  # noqa: F401 - with all routes and pages, which say what to do
    from ticket_hub_api.services import Services

    with contextlib.suppress(PluginError):  # said to whoever needs a network or data set
        plugins.load()
    return Services(settings)


def do_work(services: Future[Services], pipe: Connection) -> None:
    """One piece of work: what it returns or raises goes back, as it is."""
    with pipe:
        try:
            opened = services.result()
            act, args, kwargs = pipe.recv()
            answer = pickle.dumps((act(opened, *args, **kwargs), None))
        except Exception as error:  # noqa: BLE001 - the service answers to it as to its own
            error.add_note(traceback.format_exc())  # for its log: traces do not travel
            answer = pickle.dumps((None, _portable(error)))
        with contextlib.suppress(OSError):  # nobody waits any more
            pipe.send_bytes(answer)


def _portable(error: Exception) -> Exception:
    """An error that survives the way: itself, or a plain one of its words."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own error
    except Exception:  # noqa: BLE001 - whatever an attribute of it does
        return RuntimeError("".join(traceback.format_exception(error)))
    return error
