"""How often one caller may ask, and how much of the time goes to callers without a token.

Everything is in memory. A service of several processes has as many of these; the limits then hold
for each process.
"""

from __future__ import annotations

import asyncio
import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TypeVar

from starlette.concurrency import run_in_threadpool

from ticket_hub_api.errors import bad_request, too_many

__all__ = ["Buckets", "Share", "network_of"]

T = TypeVar("T")
MAX_CALLERS = 20_000
MIN_SECONDS = 0.002
REFUSAL_SECONDS = 5.0
_IPV6_PREFIX = 64


def network_of(host: str) -> str:
    """Whom an address belongs to: of IPv6 one customer has a network of 64 bits at least."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.version == 4:  # noqa: PLR2004 - of the internet protocol
        return host
    return str(ipaddress.ip_network((address, _IPV6_PREFIX), strict=False))


class Buckets:
    """A bucket for each caller: it holds a minute's worth, and fills up evenly.

    At most `MAX_CALLERS` are kept; whoever has not called for longest is forgotten first, which
    gives them a full bucket.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Admit so many a minute; 0 means any number."""
        self.per_minute = per_minute
        self._clock = clock
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def _level(self, caller: str) -> tuple[float, float]:
        now = self._clock()
        level, since = self._levels.get(caller, (float(self.per_minute), now))
        return min(self.per_minute, level + (now - since) * self.per_minute / 60), now

    def wait(self, caller: str) -> int:
        """Whole seconds until this caller may ask again; 0 when now."""
        if not self.per_minute:
            return 0
        level, _ = self._level(caller)
        return 0 if level >= 1 else max(1, math.ceil((1 - level) * 60 / self.per_minute))

    def take(self, caller: str) -> None:
        """Count one request of this caller."""
        if not self.per_minute:
            return
        level, now = self._level(caller)
        self._levels[caller] = (level - 1, now)
        self._levels.move_to_end(caller)
        if len(self._levels) > MAX_CALLERS:
            self._levels.popitem(last=False)


class Share:
    """A small part of the processor's time, for work that anybody may ask for.

    One call runs at a time, in another thread. After one that took a second nothing runs for as
    long as the part demands: with a tenth, nine seconds. So whoever asks for much waits, and the
    others have at least the rest of the time.
    """

    def __init__(self, part: float, most_waiting: int) -> None:
        """Give this part of the time, and let so many wait."""
        self._pause = 1 / part - 1
        self._most_waiting = most_waiting
        self._waiting = 0
        self._turn = asyncio.Lock()

    async def run(self, work: Callable[[], T], is_gone: Callable[[], Awaitable[bool]]) -> T:
        """Call a function when it is its turn.

        Args:
            work: what to do.
            is_gone: whether nobody waits for it any more; asked when it is its turn.

        Raises:
            ApiError: 429, when too many wait already; not at once, so that whoever asks again as
                soon as they are refused does not keep the service busy. 400, when nobody waits.
        """
        if self._waiting >= self._most_waiting:
            await asyncio.sleep(REFUSAL_SECONDS)
            raise too_many(5, "Too many wait for this. Show a token, or try again in 5 seconds.")
        self._waiting += 1
        try:
            await self._turn.acquire()
        finally:
            self._waiting -= 1
        spent = 0.0

        def measured() -> T:
            """Do the work, and note the processor's time that it took."""
            nonlocal spent
            # Of this thread alone: waiting for others or for the database takes no processor's time
            # from anybody.
            began = time.thread_time()
            try:
                return work()
            finally:
                spent = time.thread_time() - began

        try:
            if await is_gone():
                raise bad_request("The caller has gone.")
            return await run_in_threadpool(measured)
        finally:
            # A short call costs its request's head and answer, too.
            rest = max(spent, MIN_SECONDS) * self._pause if spent else 0
            asyncio.get_running_loop().call_later(rest, self._turn.release)
