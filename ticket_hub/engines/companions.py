"""The other processes of a work that several do together: started beside the one that does it.

They are to it what `torchrun` starts: ranks of one group on this machine, each with a share of
every batch (`ticket_hub.training.following`). They write nothing, belong to its process group,
and end when it does, however it ends.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

__all__ = ["companions"]

END_SECONDS = 5.0
"""They have this long to end by themselves."""

LOST_SECONDS = 30.0
"""A work that has not noticed by then that one of them has died waits for it in vain."""

LOOK_SECONDS = 0.2
LOST_CODE = 1


@contextlib.contextmanager
def companions(folder: Path, processes: int) -> Iterator[None]:
    """Make this process the first of so many that do a work, and start the others.

    Meanwhile this process's environment has RANK, WORLD_SIZE and what else `torchrun` sets.

    Args:
        folder: of the work.
        processes: how many train together, this one included; with 1, nothing is done.
    """
    if processes == 1:
        yield
        return
    group = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port())}
    group |= {"WORLD_SIZE": str(processes), "LOCAL_WORLD_SIZE": str(processes)}
    reader, lifeline = os.pipe()  # they read its end when this process is gone
    started: list[subprocess.Popen[bytes]] = []
    over = threading.Event()
    try:
        started += [_start(folder, group, rank, reader) for rank in range(1, processes)]
        os.close(reader)
        threading.Thread(target=_watch, args=(started, over), daemon=True).start()
        os.environ.update(group, RANK="0", LOCAL_RANK="0")
        yield
    finally:
        over.set()
        for name in (*group, "RANK", "LOCAL_RANK"):
            os.environ.pop(name, None)
        until = time.monotonic() + END_SECONDS
        for process in started:
            try:
                process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        os.close(lifeline)


def _start(
    folder: Path, group: dict[str, str], rank: int, lifeline: int
) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-P", "-m", "ticket_hub.engines.execute", str(folder)]
    command += ["--companion", "--lifeline", str(lifeline)]
    own = {"RANK": str(rank), "LOCAL_RANK": str(rank)}
    return subprocess.Popen(  # noqa: S603 - our own program
        command, stdin=subprocess.DEVNULL, pass_fds=(lifeline,), env={**os.environ, **group, **own}
    )


def _watch(started: Sequence[subprocess.Popen[bytes]], over: threading.Event) -> None:
    """End this process when one of them has died before they met, which nobody else notices."""
    while not over.wait(LOOK_SECONDS):
        if any(process.poll() for process in started) and not over.wait(LOST_SECONDS):
            sys.stderr.write("A process that was to train along has died.\n")
            sys.stderr.flush()
            os._exit(LOST_CODE)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
