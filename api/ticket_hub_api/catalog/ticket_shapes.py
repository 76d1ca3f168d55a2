"""The shapes in which tickets are shown: frozen values, and tables of a known layout."""

from __future__ import annotations

from dataclasses import dataclass

from ticket_hub.bundle.cost_record import ListedCost
from ticket_hub_api.catalog.description_shapes import Description

__all__ = [
    "FittingLevel",
    "TicketDetail",
    "TicketFile",
    "TicketItem",
    "TicketPage",
    "TicketRevision",
    "Vouched",
]


@dataclass(frozen=True, kw_only=True)
class FittingLevel:
    """A level of a ticket that fits; accuracy and verdict are None where unknown.

    Attributes:
        level, density: as in its bundle.
        accuracy, verdict: what was measured, and what it supports.
        retrained: whether an experiment with the ticket says so, and not its search.
    """

    level: int
    density: float
    accuracy: float | None
    verdict: str | None
    retrained: bool = False


@dataclass(frozen=True, kw_only=True)
class Vouched:
    """Who else stands for a ticket.

    Attributes:
        replays: how many accounts but its owner's and those that pushed it replayed its search.
        identical: of them, those whose replay had the same bits.
        signed_by: the operator's name for the key whose signature holds; empty without one.
    """

    replays: int = 0
    identical: int = 0
    signed_by: str = ""


@dataclass(frozen=True, kw_only=True)
class TicketItem:
    """A ticket in a list: what is meant where no level is named.

    Attributes:
        id: of this entry, never used for another.
        repo: `owner/name`.
        source: the endpoint of the hub that it was mirrored from; empty for one of this hub.
        private: whether only its owner and members see it.
        commit: the newest one, which the numbers are of.
        bundle: the bundle's id, over network, data and all tickets.
        network, dataset, recipe: names.
        trials, levels: number of repetitions, and of levels that are carried.
        prunable: number of prunable weights of one network.
        level, rule: which level is meant, and why that one.
        density: kept over prunable weights.
        accuracy: mean test accuracy over n trials; None where that was not measured.
        metric, lower_is_better: what was measured on the test part, with its unit.
        value, low, high, n: its mean over n trials with the 95% interval: the accuracy, unless the
            metric is another. None where nothing was measured, or the interval cannot be known.
        tickets: how many different tickets the n trials are of: as many, one for each.
        trained: False where that is of networks that nobody had trained, as a search whose masks
            need no training has them.
        verdict: what the evidence supports, or None.
        created_at, updated_at: microseconds since 1970.
        fitting: where density, accuracy or verdict were asked for, the level that fits: the one
            above if it does, else the sparsest that does. None where nothing of that was asked.
        retrained: the best verdict of the experiments with its tickets on the data that they were
            found on, of the sparsest level that got it; None where none came to a verdict.
        cost: its quickest form, on the machine that measured it; None where nobody did.
        ladder: density and mean of every level that was measured, dense first.
        vouched: replays and signature.
    """

    id: str
    repo: str
    source: str
    private: bool
    commit: str
    bundle: str
    network: str
    dataset: str
    recipe: str
    trials: int
    levels: int
    prunable: int
    level: int
    rule: str
    density: float
    accuracy: float | None
    metric: str
    lower_is_better: bool
    value: float | None
    low: float | None
    high: float | None
    n: int
    tickets: int
    verdict: str | None
    created_at: int
    updated_at: int
    fitting: FittingLevel | None = None
    retrained: FittingLevel | None = None
    cost: ListedCost | None = None
    ladder: tuple[tuple[float, float], ...] = ()
    trained: bool = True
    vouched: Vouched = Vouched()


@dataclass(frozen=True, kw_only=True)
class TicketPage:
    """A part of a list.

    Attributes:
        items: the tickets.
        next_cursor: leads to the next page; empty on the last.
        total: how many tickets fit, counted up to 1000.
        exact: False where there are more than were counted.
    """

    items: tuple[TicketItem, ...]
    next_cursor: str
    total: int
    exact: bool


@dataclass(frozen=True, kw_only=True)
class TicketFile:
    """A file of a revision."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class TicketRevision:
    """A commit that holds a sound bundle, with the tags that name it."""

    commit: str
    title: str
    author: str
    created_at: int
    tags: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class TicketDetail:
    """One ticket with all that is known of it.

    Attributes:
        repo, source, private, commit: as in `TicketItem`.
        description: what its bundle says; see `docs/api.md`.
        files: of the revision.
        revisions: newest first.
    """

    repo: str
    source: str
    private: bool
    commit: str
    description: Description
    files: tuple[TicketFile, ...]
    revisions: tuple[TicketRevision, ...]
