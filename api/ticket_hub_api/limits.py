"""How often one caller may ask: token buckets, in memory, one for each caller.

A service of several processes has as many buckets; the limits then hold for each process.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

__all__ = ["Buckets"]

MOST_CALLERS = 20_000


class Buckets:
    """A bucket for each caller: it holds a minute's worth, and fills up evenly.

    At most `MOST_CALLERS` are kept; whoever has not called for longest is forgotten first, which
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
        """Count one."""
        if not self.per_minute:
            return
        level, now = self._level(caller)
        self._levels[caller] = (level - 1, now)
        self._levels.move_to_end(caller)
        if len(self._levels) > MOST_CALLERS:
            self._levels.popitem(last=False)
