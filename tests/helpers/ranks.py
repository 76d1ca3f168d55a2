"""Processes that train together."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

from tests.helpers import forked

__all__ = ["together"]


def together(
    script: Path | str, *arguments: str, folder: Path | None = None
) -> list[tuple[int, str]]:
    """How each of two processes ended and what it printed, started as `torchrun` starts them.

    Args:
        script: a file, or `-m`.
        folder: that they work in; by default this process's.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    group = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    group |= {"OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(
            [forked.python(), str(script), *arguments],
            env={**os.environ, **group, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            cwd=folder,
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    said = [process.communicate(timeout=120)[0] for process in processes]
    return [(process.returncode, text) for process, text in zip(processes, said, strict=True)]
