"""A hub in a process of its own, for demonstrations and tests: started, awaited, stopped."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from ticket_hub.errors import HubUnavailableError
from ticket_hub_api.serving import prepare
from ticket_hub_api.settings import Settings

__all__ = ["HubProcess", "Launch", "RunningHub", "launch_server", "running_hub", "start_hub"]

LOOPBACK = "127.0.0.1"
PATIENCE_SECONDS = 60.0
_PAUSE_SECONDS = 0.05


class HubProcess(Protocol):
    """What a hub's process can be asked, as by `subprocess.Popen`."""

    pid: int

    def poll(self) -> int | None:
        """How it ended; None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """How it ended, once it has; raises `subprocess.TimeoutExpired`."""

    def terminate(self) -> None:
        """Ask it to end."""

    def kill(self) -> None:
        """End it at once."""


Launch: TypeAlias = Callable[[Sequence[str], Mapping[str, str]], HubProcess]
"""Starts `ticket_hub_api.server` with these arguments and environment variables."""


def launch_server(arguments: Sequence[str], variables: Mapping[str, str]) -> HubProcess:
    """The server in a new interpreter."""
    command = [sys.executable, "-m", "ticket_hub_api.server", *arguments]
    return subprocess.Popen(command, env=dict(variables))  # noqa: S603 - the command is our own


@dataclass(frozen=True)
class RunningHub:
    """A hub that answers.

    Attributes:
        process: the server's process.
        endpoint: what clients set `HF_ENDPOINT` to.
        token: an administrator's, made when the hub was new.
        settings: how it was started; starting it again with them brings back the same hub.
        port: where it listens.
    """

    process: HubProcess
    endpoint: str
    token: str
    settings: Settings
    port: int

    def stop(self) -> None:
        """Let running requests finish, and end."""
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(PATIENCE_SECONDS)

    def kill(self) -> None:
        """End at once, as a crash would."""
        self.process.kill()
        self.process.wait(PATIENCE_SECONDS)


def start_hub(
    settings: Settings,
    *,
    port: int = 0,
    environment: Mapping[str, str] | None = None,
    launch: Launch = launch_server,
) -> RunningHub:
    """Start a hub on loopback and wait until it answers.

    Raises:
        HubUnavailableError: it ended, or did not answer within a minute.
    """
    prepared = prepare(settings, host=LOOPBACK, port=port)
    # A proxy of the network knows no server of this machine, and is not to see its tokens.
    direct = os.environ.get("no_proxy") or os.environ.get("NO_PROXY", "")
    if not {"*", LOOPBACK} & {*direct.split(",")}:
        os.environ["no_proxy"] = ",".join(filter(None, (direct, LOOPBACK)))
    variables = {**os.environ, **(environment or {}), **settings.to_environment()}
    process = launch([LOOPBACK, str(prepared.port)], variables)
    token = prepared.token_file.read_text() if prepared.token_file else ""
    hub = RunningHub(process, prepared.endpoint, token, settings, prepared.port)
    try:
        _wait(hub)
    except BaseException:
        hub.kill()
        raise
    return hub


def _wait(hub: RunningHub) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and hub.process.poll() is None:
        if _answers(f"http://{LOOPBACK}:{hub.port}/healthz"):
            return
        time.sleep(_PAUSE_SECONDS)
    raise HubUnavailableError(
        f"The hub did not start on {hub.endpoint}.", "Its messages above say why."
    )


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5):  # noqa: S310 - http on loopback
            return True
    except urllib.error.HTTPError:
        return True
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


@contextlib.contextmanager
def running_hub(
    settings: Settings,
    *,
    port: int = 0,
    environment: Mapping[str, str] | None = None,
    launch: Launch = launch_server,
) -> Iterator[RunningHub]:
    """A hub that is stopped at the end.

    Raises:
        HubUnavailableError: it ended, or did not answer within a minute.
    """
    hub = start_hub(settings, port=port, environment=environment, launch=launch)
    try:
        yield hub
    finally:
        hub.stop()
