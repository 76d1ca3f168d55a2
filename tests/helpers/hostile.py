"""What somebody does who wants others to wait, and how long these then wait."""

from __future__ import annotations

import contextlib
import selectors
import socket
import statistics
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from forked import CONTEXT


def repeat(endpoint: str, request: bytes, at_once: int) -> None:
    """Send a request on so many connections, again as soon as it is answered, until killed."""
    where = urlsplit(endpoint)
    with selectors.DefaultSelector() as ready:
        for _ in range(at_once):
            link = socket.create_connection((where.hostname, where.port))
            link.sendall(request)
            ready.register(link, selectors.EVENT_READ)
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
    process = CONTEXT.Process(target=repeat, args=(endpoint, request, at_once), daemon=True)
    process.start()
    try:
        yield
        assert process.is_alive()
    finally:
        process.kill()
        process.join()


def times_slower(
    ask: Callable[[], object], begin: contextlib.AbstractContextManager[None]
) -> float:
    """How many times as long a question takes beside hostile ones as alone: medians of 40.

    Alone is the slower of before and after, so that a machine that gets busier does not count.
    """

    def median() -> float:
        taken = []
        for _ in range(40):
            started = time.perf_counter()
            ask()
            taken.append(time.perf_counter() - started)
        return statistics.median(taken)

    before = median()
    with begin:
        beside = median()
    return beside / max(before, median())
