"""Results over all tickets: what each came to on which data, and who measured it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, literal, select, tuple_, union_all

from ticket_hub.errors import HubNotFoundError
from ticket_hub_api.accounts.principals import Principal
from ticket_hub_api.catalog.paging import CursorError, decode_cursor, encode_cursor
from ticket_hub_api.catalog.ticket_query import visible
from ticket_hub_api.catalog.tickets import MAX_PAGE, Rows
from ticket_hub_api.store.ticket_tables import NOT_MEASURED, Evidence, EvidenceLevel, TicketEntry

__all__ = [
    "ExperimentDetail",
    "ExperimentFilter",
    "ExperimentItem",
    "ExperimentPage",
    "experiments_of",
    "of_other_metrics",
    "one_experiment",
    "shown_with",
    "unknown",
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
class ExperimentItem:
    """What the tickets of one level came to on one data set.

    Attributes:
        id: of the experiment here; empty for the search that found the ticket.
        ticket, source, bundle: whose tickets; as in `TicketItem`.
        level, density: of the tickets.
        network: what was trained.
        found_on, dataset: what the tickets were found on, and trained on.
        origin, sender: who measured it: see `ExperimentFilter`; the sender's name for an upload.
        experiment: the digest of all that decided the result.
        n, accuracy, low, high: mean test accuracy over n trials with its 95% interval.
        tickets: how many different tickets the n trials are of; null where that is not known.
        gain, gain_low, gain_high: accuracy minus the dense network's, paired; null without one.
        verdict: what the trials support, or null.
        reason: why, in words; empty for the search, which `GET /tickets/{owner}/{name}` explains.
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


def experiments_of(
    database: Rows,
    wanted: ExperimentFilter,
    viewer: Principal,
    *,
    cursor: str = "",
    limit: int = 50,
) -> ExperimentPage:
    """A page of results about tickets that the viewer may see, most accurate first.

    Raises:
        CursorError: the cursor is not one of this hub for this filter.
    """
    limit = max(1, min(limit, MAX_PAGE))
    parts = [
        part for part in (_searches(wanted, viewer), _records(wanted, viewer)) if part is not None
    ]
    if not parts:
        return ExperimentPage(items=(), next_cursor="")
    found = union_all(*parts).subquery()
    statement = select(found)
    place = tuple_(found.c.accuracy, found.c.place)
    if cursor:
        value, last = decode_cursor(cursor, wanted)
        if not isinstance(value, float) or not isinstance(last, str):
            raise CursorError
        statement = statement.where(place < (value, last))
    ordered = statement.order_by(found.c.accuracy.desc(), found.c.place.desc()).limit(limit + 1)
    rows = database.execute(ordered).all()
    last_row = rows[limit - 1] if len(rows) > limit else None
    return ExperimentPage(
        items=tuple(map(_item, rows[:limit])),
        next_cursor=""
        if last_row is None
        else encode_cursor(wanted, last_row.accuracy, last_row.place),
    )


def _searches(wanted: ExperimentFilter, viewer: Principal) -> Select[Any] | None:
    """The run that found each ticket, at the level that is meant where none is named."""
    if wanted.origin not in {"", "search"}:
        return None
    entry = TicketEntry
    statement = select(
        literal("").label("id"), *_whose(), entry.level, entry.density, entry.network,
        entry.dataset.label("found_on"), entry.dataset.label("dataset"),
        literal("search").label("origin"), literal("").label("sender"),
        literal("").label("experiment"), entry.n,
        entry.n.label("tickets"), entry.accuracy, entry.low, entry.high,
        entry.gain, entry.gain_low, entry.gain_high, entry.verdict,
        literal("").label("reason"), entry.updated_at.label("created_at"),
        (literal("") + entry.id).label("place"),
    ).where(entry.accuracy != NOT_MEASURED, *visible(viewer))  # fmt: skip
    return _filtered(statement, wanted, entry.dataset, entry.dataset, entry.network, entry.verdict)


def _whose() -> tuple[Any, ...]:
    entry = TicketEntry
    name = (entry.namespace + "/" + entry.name).label("ticket")
    return name, entry.source, entry.bundle_id


def _records(wanted: ExperimentFilter, viewer: Principal) -> Select[Any] | None:
    """Experiments with the tickets, each level by itself."""
    if wanted.origin == "search":
        return None
    entry, evidence, level = TicketEntry, Evidence, EvidenceLevel
    own = and_(level.evidence_id == evidence.id, level.repository_id == evidence.repository_id)
    place = evidence.id + "/" + evidence.repository_id + "/"
    statement = (
        select(
            evidence.id, *_whose(), level.level, level.density, evidence.network,
            evidence.found_on, evidence.dataset, evidence.origin, evidence.sender,
            evidence.experiment, level.n, level.tickets, level.accuracy, level.low, level.high,
            level.gain,
            level.gain_low, level.gain_high, level.verdict, level.reason,
            evidence.created_at,
            (place + level.place).label("place"),
        )
        .join(evidence, own)
        .join(entry, shown_with())
        .where(level.accuracy != NOT_MEASURED, *visible(viewer))
    )  # fmt: skip
    if wanted.origin:
        statement = statement.where(evidence.origin == wanted.origin)
    return _filtered(
        statement, wanted, evidence.dataset, evidence.found_on, evidence.network, level.verdict
    )


def shown_with() -> ColumnElement[bool]:
    """Evidence is shown while the repository's newest bundle is the one that it is about."""
    same = TicketEntry.bundle_id == Evidence.bundle_id
    return and_(TicketEntry.repository_id == Evidence.repository_id, same)


def _filtered(
    statement: Select[Any],
    wanted: ExperimentFilter,
    *columns: Any,  # noqa: ANN401 - columns of the part
) -> Select[Any]:
    values = (wanted.dataset, wanted.found_on, wanted.network, wanted.verdict)
    for column, value in zip(columns, values, strict=True):
        if value:
            statement = statement.where(column == value)
    if wanted.ticket:
        statement = statement.where(TicketEntry.key == wanted.ticket.lower())
    return statement


def _item(row: Any) -> ExperimentItem:  # noqa: ANN401 - a row of the columns above
    same = (
        "id", "ticket", "source", "level", "density", "network", "found_on", "dataset", "origin",
        "sender", "experiment", "n", "tickets", "accuracy", "low", "high", "gain",
        "gain_low", "gain_high",
        "reason", "created_at",
    )  # fmt: skip
    fields = {name: getattr(row, name) for name in same}
    return ExperimentItem(**fields, bundle=row.bundle_id, verdict=row.verdict or None)


def one_experiment(
    database: Rows, viewer: Principal, evidence_id: str, *, repository_id: str = ""
) -> ExperimentDetail:
    """An experiment about a ticket that the viewer may see.

    Args:
        repository_id: shown with this ticket; without it, with the first by name of those whose
            bundle it is about.

    Raises:
        HubNotFoundError: there is none of this id, or none that the viewer may know of.
    """
    named = [Evidence.repository_id == repository_id] if repository_id else []
    row = database.execute(
        select(
            Evidence.id, *_whose(), Evidence.origin, Evidence.sender, Evidence.created_at,
            Evidence.body,
        )
        .join(TicketEntry, shown_with())
        .where(Evidence.id == evidence_id, *named, *visible(viewer))
        .order_by(TicketEntry.key)
    ).first()  # fmt: skip
    if row is None:
        raise unknown(evidence_id)
    return _detail(row)


def of_other_metrics(database: Rows, viewer: Principal, repo: str) -> tuple[ExperimentDetail, ...]:
    """The experiments with a ticket whose metric is not accuracy, which no list has, oldest first.

    `record["experiment"]["spec"]["loop"]["metric"]` is what was measured.
    """
    level = EvidenceLevel
    same = and_(level.evidence_id == Evidence.id, level.repository_id == Evidence.repository_id)
    statement = (
        select(
            Evidence.id, *_whose(), Evidence.origin, Evidence.sender, Evidence.created_at,
            Evidence.body,
        )
        .join(TicketEntry, shown_with())
        .where(
            TicketEntry.key == repo.lower(), *visible(viewer),
            select(1).where(same, level.accuracy == NOT_MEASURED).exists(),
        )
        .order_by(Evidence.created_at, Evidence.id)
        .limit(MAX_PAGE)
    )  # fmt: skip
    return tuple(map(_detail, database.execute(statement)))


def _detail(row: Any) -> ExperimentDetail:  # noqa: ANN401 - a row of the columns above
    return ExperimentDetail(
        id=row.id,
        ticket=row.ticket,
        bundle=row.bundle_id,
        origin=row.origin,
        sender=row.sender,
        created_at=row.created_at,
        record=json.loads(row.body),
    )


def unknown(evidence_id: str) -> HubNotFoundError:
    """The refusal that says nothing about what there is."""
    return HubNotFoundError(
        f"There is no experiment {evidence_id[:64]!r}.", "`GET /api/v1/experiments` lists them."
    )
