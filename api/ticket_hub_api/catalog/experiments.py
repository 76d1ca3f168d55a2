"""Results over all tickets: what each came to on which data, and who measured it."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Select, literal, select, tuple_, union_all

from ticket_hub.errors import HubNotFoundError
from ticket_hub_api.accounts.principals import Principal
from ticket_hub_api.catalog.experiment_shapes import (
    OUTCOME,
    ExperimentDetail,
    ExperimentFilter,
    ExperimentItem,
    ExperimentPage,
    outcome_of,
)
from ticket_hub_api.catalog.paging import CursorError, decode_cursor, encode_cursor
from ticket_hub_api.catalog.ticket_query import of_evidence, shown_with, visible
from ticket_hub_api.catalog.tickets import MAX_PAGE, Rows
from ticket_hub_api.store.ticket_tables import NOT_MEASURED, Evidence, EvidenceLevel, TicketEntry

__all__ = [
    "experiments_of",
    "of_other_metrics",
    "one_experiment",
    "unknown",
]


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
        literal("").label("experiment"),
        # The order of `OUTCOME`: a union joins columns by their place, not by their name.
        entry.n, entry.n.label("tickets"), entry.accuracy, entry.low, entry.high,
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
    place = evidence.id + "/" + evidence.repository_id + "/"
    statement = (
        select(
            evidence.id, *_whose(), level.level, level.density, evidence.network,
            evidence.found_on, evidence.dataset, evidence.origin, evidence.sender,
            evidence.experiment, *(getattr(level, name) for name in OUTCOME), evidence.created_at,
            (place + level.place).label("place"),
        )
        .join(evidence, of_evidence())
        .join(entry, shown_with())
        .where(level.accuracy != NOT_MEASURED, *visible(viewer))
    )  # fmt: skip
    if wanted.origin:
        statement = statement.where(evidence.origin == wanted.origin)
    return _filtered(
        statement, wanted, evidence.dataset, evidence.found_on, evidence.network, level.verdict
    )


def _details() -> Select[Any]:
    """What `_detail` takes, of every experiment that is shown with a ticket."""
    return select(
        Evidence.id, *_whose(), Evidence.origin, Evidence.sender, Evidence.created_at,
        Evidence.body,
    ).join(TicketEntry, shown_with())  # fmt: skip


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
        "sender", "experiment", "created_at",
    )  # fmt: skip
    own = {name: getattr(row, name) for name in same}
    return ExperimentItem(**own, **outcome_of(row), bundle=row.bundle_id)


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
        _details()
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
    statement = (
        _details()
        .where(
            TicketEntry.key == repo.lower(), *visible(viewer),
            select(1).where(of_evidence(), EvidenceLevel.accuracy == NOT_MEASURED).exists(),
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
