"""What somebody does who wants others to wait, and how long these then wait."""

from __future__ import annotations

import contextlib
import math
import selectors
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

CHECKOUT = Path(__file__).resolve().parents[2]
ROUNDS = 5


def repeat(endpoint: str, at_once: int, request: bytes) -> None:
    """Send a request on so many connections, again as soon as it is answered, until killed."""
    where = urlsplit(endpoint)
    with selectors.DefaultSelector() as ready:
        for _ in range(at_once):
            link = socket.create_connection((where.hostname, where.port))
            link.sendall(request)
            ready.register(link, selectors.EVENT_READ)
        print("begun", flush=True)  # noqa: T201 - who started this waits for it
        while True:
            for key, _ in ready.select():
                link = key.fileobj  # type: ignore[assignment] # what was registered above
                if link.recv(1 << 16):
                    link.sendall(request)
                else:
                    ready.unregister(link)


@contextlib.contextmanager
def storm(endpoint: str, request: bytes, at_once: int) -> Iterator[None]:
    """A process of its own that does nothing but `repeat`."""
    command = [sys.executable, "-m", __name__, endpoint, str(at_once)]
    given = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "cwd": CHECKOUT}
    with subprocess.Popen(command, **given) as process:  # type: ignore[call-overload]
        try:
            process.stdin.write(request)
            process.stdin.close()
            assert process.stdout.readline() == b"begun\n"
            yield
            assert process.poll() is None
        finally:
            process.kill()


def times_slower(
    ask: Callable[[], object], hostile: Callable[[], contextlib.AbstractContextManager[None]]
) -> float:
    """How many times as long a question takes beside hostile ones as alone, by medians of 30.

    It is the least of some rounds, and only until one is below 2: what else runs on the machine
    makes some rounds worse, and whoever has to wait for the hostile ones waits in all of them.
    """
    least = math.inf
    for _ in range(ROUNDS):
        alone = median_seconds(ask)
        with hostile():
            least = min(least, median_seconds(ask) / alone)
        if least <= 2:
            break
    return least


def median_seconds(ask: Callable[[], object]) -> float:
    """Of thirty times."""
    taken = []
    for _ in range(30):
        started = time.perf_counter()
        ask()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


if __name__ == "__main__":
    repeat(sys.argv[1], int(sys.argv[2]), sys.stdin.buffer.read())
