"""Numbers, times and names as the pages write them."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from ticket_hub.evidence.counts import count_text
from ticket_hub.hub.builtin import BUILTIN
from ticket_hub.recipe.own import ACCURACY
from ticket_hub.runs.local_pages import RUNS
from ticket_hub_api.catalog.leaderboard import LeaderboardItem

__all__ = ["FILTERS", "item_value"]

_MICROSECONDS = 1_000_000
_KIBI = 1024
_DIGEST = re.compile(r"[0-9a-f]{40,64}")
_SECONDS = {"d": 86400, "h": 3600, "min": 60}
_MINUS = "\N{MINUS SIGN}"
_SHARES = {"accuracy": "accuracy", "test_accuracy": "accuracy", "density": "weights left"}
_EVENT_WORDS = {"control": "network", "index": "level"}
UNKNOWN = "\N{EN DASH}"


def counted(n: int, tickets: int | None) -> str:
    """What n trials are of: `5 tickets`, `5 runs of 1 ticket`."""
    return count_text(n, tickets)


def percent(value: float | None, digits: int = 2) -> str:
    """A fraction as per cent without the sign; a dash where it is not known."""
    return UNKNOWN if value is None or math.isnan(value) else f"{100 * value:.{digits}f}"


def density(value: float) -> str:
    """A density as per cent of weights, with three significant digits."""
    return f"{100 * value:.3g}%"


def points(value: float | None) -> str:
    """A difference of two fractions in points, with its sign."""
    if value is None or math.isnan(value):
        return UNKNOWN
    return f"{100 * value:+.2f}".replace("-", _MINUS)


def size(count: int) -> str:
    """A number of bytes for people."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < _KIBI:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= _KIBI
    return f"{amount:.1f} TiB"


def count(value: int) -> str:
    """A whole number with commas."""
    return f"{value:,}"


def moment(microseconds: int | None) -> str:
    """A time in UTC, to the minute."""
    if microseconds is None:
        return UNKNOWN
    when = dt.datetime.fromtimestamp(microseconds / _MICROSECONDS, dt.UTC)
    return f"{when:%Y-%m-%d %H:%M}"


def iso(microseconds: int) -> str:
    """A time for programs."""
    when = dt.datetime.fromtimestamp(microseconds / _MICROSECONDS, dt.UTC)
    return when.isoformat(timespec="seconds")


def short(digest: str, length: int = 12) -> str:
    """The first digits of a digest."""
    return digest[:length]


def host(address: str) -> str:
    """The host of an address."""
    return urlsplit(address).hostname or address


def duration(seconds: float) -> str:
    """A time span for people: `42 s`, `3.5 min`, `2.1 h`."""
    for unit, length in (("d", 2 * 86400), ("h", 5400), ("min", 90)):
        if seconds >= length:
            return f"{seconds / _SECONDS[unit]:.3g} {unit}"
    return f"{seconds:.3g} s"


def here(repo: str) -> str:
    """What a ticket of this machine is called on it: a run by its name, others as they were pulled.

    See `ticket_hub.runs.local_pages`, which gives runs an owner.
    """
    owner, _, name = repo.partition("/")
    return {RUNS: name, "builtin": f"{BUILTIN}{name}"}.get(owner, repo)


def before(text: str, mark: str) -> str:
    """A text up to a mark."""
    return text.partition(mark)[0]


def after(text: str, mark: str) -> str:
    """A text behind its last mark."""
    return text.rpartition(mark)[2]


def happening(data: Mapping[str, object]) -> str:
    """What an event of a job says besides its kind: shares in per cent, in the pages' words."""
    if "problem" in data:
        return f"{data['problem']} {data.get('remedy', '')}".strip()
    said = []
    for key, value in data.items():
        if key in _SHARES and isinstance(value, float):
            said.append(f"{_SHARES[key]} {100 * value:.2f}%")
        elif isinstance(value, str | int | float):
            said.append(f"{_EVENT_WORDS.get(key, key.replace('_', ' '))} {plain(value)}")
    return ", ".join(said)


def plain(value: object) -> str:
    """A number with at most four significant digits behind the point, anything else as it is."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def known(value: object) -> str:
    """A value, a long digest by its first digits, or a dash where nothing is known."""
    text = UNKNOWN if value is None else plain(value)
    return short(text) if _DIGEST.fullmatch(text) else text


def item_value(item: LeaderboardItem) -> str:
    """What an entry of the leaderboard came to: an accuracy in per cent without the sign."""
    return _number(item, item.value)


def item_interval(item: LeaderboardItem) -> str:
    """Its interval, where it is known."""
    if item.low is None or item.high is None:
        return ""
    return f"{_number(item, item.low)}\N{NARROW NO-BREAK SPACE}to\N{NARROW NO-BREAK SPACE}" + (
        _number(item, item.high)
    )


def _number(item: LeaderboardItem, value: float) -> str:
    return percent(value) if item.metric == ACCURACY.label else f"{value:.4g}"


FILTERS: dict[str, Callable[..., object]] = {
    each.__name__: each
    for each in (
        *(counted, percent, density, points, size, count, moment, iso, short, host),
        *(duration, here, before, after, happening, plain, known, item_value, item_interval),
    )
} | {"product": math.prod}
"""What templates write values with."""
