"""What n counts: so many tickets, or so many runs of fewer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

__all__ = ["budget_note", "count_text", "distinct", "drawn_text", "number_of"]


def distinct(tickets: Sequence[str]) -> int | None:
    """How many different tickets trials are of; None where that is not known."""
    return len(set(tickets)) if len(tickets) else None


def count_text(n: int, tickets: int | None) -> str:
    """`5 tickets`, `5 runs of 1 ticket`, or `5 runs, of how many tickets is not recorded`."""
    runs = number_of(n, "run")
    if tickets is None:
        return f"{runs}, of how many tickets is not recorded"
    if tickets == n:
        return number_of(n, "ticket")
    return f"{runs} of {number_of(tickets, 'ticket')}"


def drawn_text(n: int, tickets: int | None, control: str, draws: int) -> str:
    """As `count_text`, and how often a control was drawn for each: `5 tickets, 3 draws each`.

    Args:
        control: its name; of those that begin with `reinit` draws are called reinitializations.
        draws: for each run; with one nothing is added.
    """
    count = count_text(n, tickets)
    what = "reinitializations" if control.startswith("reinit") else "draws"
    return count if draws == 1 else f"{count}, {draws} {what} each"


def budget_note(totals: Mapping[str, int]) -> str:
    """One sentence where networks had different numbers of iterations; else empty.

    Args:
        totals: iterations of each network in all, those behind its starting weights too.
    """
    if len(set(totals.values())) < 2:  # noqa: PLR2004 - two that differ
        return ""
    (usual, _), *_ = Counter(totals.values()).most_common(1)
    parts = [f"{name} {count:,}" for name, count in totals.items() if count != usual]
    return f"Budgets differ: iterations in all are {', '.join(parts)}, and {usual:,} of all others."


def number_of(count: int, noun: str) -> str:
    """`1 trial`, `3 trials`."""
    return f"{count} {noun}" + "s" * (count != 1)
