"""What connections may cost: how many there are, and how long each may keep the hub waiting.

Uvicorn closes connections that are idle between two requests, and no others: one that sends half a
request, or a byte a minute, or takes no answer, would stay for ever.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from ticket_hub_api.limits import network_of

__all__ = ["Connection", "Connections", "limited", "raise_descriptors"]

_log = logging.getLogger("ticket_hub_api")
SWEEP_SECONDS = 1.0
MAX_DESCRIPTORS = 65_536
SPARE_DESCRIPTORS = 256  # for the database, the log, the libraries
DESCRIPTORS_EACH = 2  # a connection's own, and the file that it may be sent
_REFUSAL = (
    b"HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n"
    b"Connection: close\r\nRetry-After: 5\r\n\r\n%s"
)
_LATE = b"408 Request Timeout", b"The request took too long to arrive."
_FULL = b"503 Service Unavailable", b"There are too many connections. Try again in 5 seconds."


def raise_descriptors(wanted: int) -> int:
    """Let this process open as many files as so many connections need, or as many as it may.

    Args:
        wanted: connections; 0 for as many as can be.

    Returns:
        how many connections it can carry: `wanted`, or fewer, which the log then says.
    """
    wanted = wanted or MAX_DESCRIPTORS // DESCRIPTORS_EACH
    try:
        import resource
    except ImportError:  # no POSIX
        return wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    needed = wanted * DESCRIPTORS_EACH + SPARE_DESCRIPTORS
    possible = needed if hard == unlimited else min(needed, hard)
    if soft != unlimited and soft < possible:
        resource.setrlimit(resource.RLIMIT_NOFILE, (possible, hard))
        soft = possible
    if soft == unlimited:
        return wanted
    carried = max(1, (soft - SPARE_DESCRIPTORS) // DESCRIPTORS_EACH)
    if carried < wanted:
        _log.warning(
            "This process may open %d files (ulimit -n), so it carries %d connections, not %d.",
            soft, carried, wanted,
        )  # fmt: skip
    return min(carried, wanted)


class Connections:
    """All open connections of a process: no more than so many, in all and from one network.

    When there are too many, the one goes that has waited longest for the head of a request; so a
    caller with a request gets in beside any number that only hold a connection. Where all have a
    request under way, the new one is refused.
    """

    def __init__(self, most: int, most_each: int) -> None:
        """Admit so many in all, and from each network; 0 means any number."""
        self.sweep_seconds = SWEEP_SECONDS
        self._most = most
        self._most_each = most_each
        self._count = 0
        self._of: dict[str, set[Connection]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def enter(self, connection: Connection) -> bool:
        """Admit a connection, perhaps in place of another; False where there is no room."""
        crowded = ""
        if self._most_each and len(self._of.get(connection.network, ())) >= self._most_each:
            crowded = connection.network
        elif self._most and self._count >= self._most:
            crowded = max(self._of, key=lambda network: len(self._of[network]))
        if crowded:
            idle = [each for each in self._of[crowded] if each.is_idle]
            if not idle:
                return False
            oldest = min(idle, key=lambda each: each.since)
            self.leave(oldest)
            oldest.end()
        self._of.setdefault(connection.network, set()).add(connection)
        self._count += 1
        if self._timer is None:
            self._timer = connection.loop.call_later(
                self.sweep_seconds, self._sweep, connection.loop
            )
        return True

    def leave(self, connection: Connection) -> None:
        """Forget a connection that is closed."""
        mates = self._of.get(connection.network, set())
        if connection in mates:
            mates.remove(connection)
            self._count -= 1
        if not mates:
            self._of.pop(connection.network, None)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        """End the connections that keep the hub waiting."""
        now = loop.time()
        for connection in [each for mates in self._of.values() for each in mates]:
            if connection.is_late(now):
                connection.end()
        again = bool(self._of)
        self._timer = loop.call_later(self.sweep_seconds, self._sweep, loop) if again else None


class Connection(H11Protocol):
    """A connection that ends when its client keeps the hub waiting.

    The head of a request has `head_seconds`. While a body comes or an answer is taken, `min_bytes`
    have to move in each `window_seconds`. While the hub works or waits for itself, nothing ends.
    """

    all: ClassVar[Connections]
    head_seconds: ClassVar[float] = 15.0
    window_seconds: ClassVar[float] = 60.0
    min_bytes: ClassVar[int] = 16 << 10

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - uvicorn's own
        """Take what uvicorn gives."""
        super().__init__(*args, **kwargs)
        self.network = ""
        self.since = 0.0
        self._admitted = False
        self._phase = ""
        self._moved = 0
        self._buffered = 0

    @property
    def is_idle(self) -> bool:
        """Whether no request is under way, and all of the last answer was taken."""
        return self.awaits_head and not self.transport.get_write_buffer_size()

    @property
    def awaits_head(self) -> bool:
        """Whether no request is under way."""
        return self.cycle is None or self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn does
        """Begin to wait for a request, or refuse."""
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        self.network = network_of(str(peer[0])) if peer else ""
        self.since = self.loop.time()
        self._admitted = self.all.enter(self)
        if not self._admitted:
            self._refuse(_FULL)

    def connection_lost(self, exc: Exception | None) -> None:
        """Make room for another connection."""
        self.all.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what comes; what a connection sends that is being closed is not looked at."""
        if not self.transport.is_closing():
            self._moved += len(data)
            super().data_received(data)

    def resume_writing(self) -> None:
        """The client has taken most of what was waiting for it."""
        self._moved += self.min_bytes
        super().resume_writing()

    def on_response_complete(self) -> None:
        """Begin to wait for the next request."""
        self._begin("head", self.loop.time())
        super().on_response_complete()

    def is_late(self, now: float) -> bool:
        """Whether the client has kept the hub waiting for too long; to be asked regularly."""
        buffered = self.transport.get_write_buffer_size()
        phase = "taking" if buffered else self._wanted()
        self._moved += max(0, self._buffered - buffered) if phase == "taking" else 0
        self._buffered = buffered
        if phase != self._phase or not phase:
            self._begin(phase, now)
        elif phase == "head":
            return now - self.since > self.head_seconds
        elif now - self.since > self.window_seconds:
            if self._moved < self.min_bytes:
                return True
            self._begin(phase, now)
        return False

    def _wanted(self) -> str:
        """What the hub waits for the client to send, or nothing."""
        if self.conn.their_state is h11.SEND_BODY:  # perhaps of a request that is answered already
            may_send = not self.flow.read_paused and not self.cycle.waiting_for_100_continue
            return "body" if may_send else ""
        return "head" if self.awaits_head else ""

    def _begin(self, phase: str, now: float) -> None:
        self._phase, self.since, self._moved = phase, now, 0

    def end(self) -> None:
        """Close it, with a word to a client that has not been answered."""
        answering = not self.awaits_head and self.cycle.response_started
        if answering or self.transport.get_write_buffer_size():
            self.transport.abort()
        elif self.awaits_head and not self.conn.trailing_data[0]:
            self.transport.close()  # nothing was asked, and an answer could be taken for the next
        else:
            self._refuse(_LATE)

    def _refuse(self, answer: tuple[bytes, bytes]) -> None:
        status, sentence = answer
        self.transport.write(_REFUSAL % (status, len(sentence), sentence))
        self.transport.close()


def limited(most: int, most_each: int) -> type[Connection]:
    """The kind of connection of one process: so many in all and from each network, 0 for any."""

    class Limited(Connection):
        """Counted together with the others of this process."""

        all = Connections(most, most_each)

    return Limited
