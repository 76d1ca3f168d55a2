"""The shapes in which results are shown: frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

__all__ = [
    "OUTCOME",
    "ExperimentDetail",
    "ExperimentFilter",
    "ExperimentItem",
    "ExperimentPage",
    "LevelOutcome",
    "outcome_of",
]


@dataclass(frozen=True, kw_only=True)
class ExperimentFilter:
    """What is looked for; empty texts ask for nothing.

    Attributes:
        dataset: what the tickets were trained on.
        found_on: what they were found on.
        network: what was trained.
        ticket: `owner/name`.
        verdict: of the result.
        origin: `search` (the run that found the ticket), `bundle` (evidence that its owner pushed
            with it) or `upload` (evidence that somebody sent here).
    """

    dataset: str = ""
    found_on: str = ""
    network: str = ""
    ticket: str = ""
    verdict: str = ""
    origin: str = ""


@dataclass(frozen=True, kw_only=True)
class LevelOutcome:
    """What the trials of one level came to on one data set.

    Attributes:
        n, accuracy, low, high: mean test accuracy over n trials with its 95% interval.
        tickets: how many different tickets the n trials are of; null where that is not known.
        gain, gain_low, gain_high: accuracy minus the dense network's, paired; null without one.
        verdict: what the trials support, or null.
        reason: why, in words.
    """

    n: int
    tickets: int | None
    accuracy: float
    low: float | None
    high: float | None
    gain: float | None
    gain_low: float | None
    gain_high: float | None
    verdict: str | None
    reason: str


OUTCOME = tuple(each.name for each in fields(LevelOutcome))
"""The columns that rows of levels have of it."""


def outcome_of(row: Any) -> dict[str, Any]:  # noqa: ANN401 - a row with the columns of `OUTCOME`
    """The fields of a `LevelOutcome` from a row, in which no verdict is an empty text."""
    return {name: getattr(row, name) for name in OUTCOME} | {"verdict": row.verdict or None}


@dataclass(frozen=True, kw_only=True)
class ExperimentItem(LevelOutcome):
    """What the tickets of one level came to on one data set.

    Attributes:
        id: of the experiment here; empty for the search that found the ticket.
        ticket, source, bundle: whose tickets; as in `TicketItem`.
        level, density: of the tickets.
        network: what was trained.
        found_on, dataset: what the tickets were found on, and trained on.
        origin, sender: who measured it: see `ExperimentFilter`; the sender's name for an upload.
        experiment: the digest of all that decided the result.
        n, tickets, accuracy, low, high, gain, gain_low, gain_high, verdict, reason: what its
            trials came to, see `LevelOutcome`; the reason is empty for the search, which
            `GET /tickets/{owner}/{name}` explains.
        created_at: microseconds since 1970: when it was sent; of a bundle's, when it says it was
            made.
    """

    id: str
    ticket: str
    source: str
    bundle: str
    level: int
    density: float
    network: str
    found_on: str
    dataset: str
    origin: str
    sender: str
    experiment: str
    created_at: int


@dataclass(frozen=True, kw_only=True)
class ExperimentPage:
    """A part of the results, most accurate first, and the cursor of the next part or nothing."""

    items: tuple[ExperimentItem, ...]
    next_cursor: str


@dataclass(frozen=True, kw_only=True)
class ExperimentDetail:
    """One experiment with every trial. `record` is what is kept of `evidence.json`, checked."""

    id: str
    ticket: str
    bundle: str
    origin: str
    sender: str
    created_at: int
    record: Mapping[str, Any]
