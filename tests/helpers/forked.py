"""Processes forked from one that has imported everything, where the start is not what is tested.

A hub's process takes seconds to import what it needs, and there are dozens of hubs in the tests.
These are real processes with an environment of their own; only the imports are shared.
"""

from __future__ import annotations

import functools
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ticket_hub_api import background

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    ["alembic.command", "ticket_hub_api.app", "ticket_hub_api.web.connections", "torch",
     "uvicorn.lifespan.on", "uvicorn.main"]
)  # fmt: skip


class Forked:
    """A forked process that is `python -m MODULE ARGUMENTS`, as far as `subprocess.Popen` goes.

    Args:
        variables: its environment, in full.
        log: where it writes what it says; None for where the tests do.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        variables: Mapping[str, str],
        log: Path | None = None,
    ) -> None:
        given = (module, list(arguments), dict(variables), log)
        self._process = CONTEXT.Process(target=_run, args=given, daemon=True)
        self._process.start()
        assert self._process.pid is not None
        self.pid: int = self._process.pid

    def poll(self) -> int | None:
        """How it ended; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """How it ended, once it has."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0.0)
        return self._process.exitcode

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)


def _run(module: str, arguments: list[str], variables: dict[str, str], log: Path | None) -> None:
    """What the new process does."""
    if log is not None:
        file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.dup2(file, 1)
        os.dup2(file, 2)
    os.environ.clear()
    os.environ.update(variables)
    sys.argv[:] = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def ticket(arguments: Sequence[str], variables: Mapping[str, str], log: Path) -> int:
    """Run a `ticket` command to its end; its exit code."""
    return Forked("ticket_hub_cli", arguments, variables, log).wait(120)


def server(arguments: Sequence[str], variables: Mapping[str, str]) -> Forked:
    """A hub's server; the fork of what `ticket_hub_api.background.launch_server` starts."""
    return Forked("ticket_hub_api.server", arguments, variables)


start_hub = functools.partial(background.start_hub, launch=server)
running_hub = functools.partial(background.running_hub, launch=server)
