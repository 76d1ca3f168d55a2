"""The transfer matrix over all tickets: what each came to on data other than its own, and on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, select

from ticket_hub_api.accounts.principals import Principal
from ticket_hub_api.catalog.experiment_shapes import OUTCOME, LevelOutcome, outcome_of
from ticket_hub_api.catalog.paging import CursorError, decode_cursor, encode_cursor
from ticket_hub_api.catalog.ticket_query import TicketFilter, conditions, of_evidence, shown_with
from ticket_hub_api.catalog.tickets import MAX_PAGE, Rows, is_sqlite
from ticket_hub_api.store.ticket_tables import (
    NOT_MEASURED,
    Evidence,
    EvidenceLevel,
    TicketEntry,
    TicketLevel,
)

__all__ = ["Transfer", "TransferCell", "TransferLine", "transfer_of"]


@dataclass(frozen=True, kw_only=True)
class TransferCell(LevelOutcome):
    """What the tickets of one level came to on one data set; names as in `ticket transfer`.

    Attributes:
        id: of the experiment, for `/api/v1/experiments/{id}`.
        data: what was trained on.
        origin, sender: who measured it.
        density: kept weights over prunable weights of the network that was trained.
        transferred: the same over the layers that came from the ticket.
        head: what became of the output layer.
    """

    id: str
    data: str
    origin: str
    sender: str
    density: float
    transferred: float
    head: str


@dataclass(frozen=True, kw_only=True)
class TransferLine:
    """The tickets of one level, on every data set that somebody tried.

    Attributes:
        ticket: `owner/name`.
        found_on, network, level: of the tickets.
        density: of the tickets as they were found; a new output layer makes a cell's another.
        cells: by data set.
    """

    ticket: str
    found_on: str
    network: str
    level: int
    density: float
    cells: tuple[TransferCell, ...]


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """A part of the matrix.

    Attributes:
        data: the data sets of this part, by name.
        lines: ticket by ticket, dense levels first.
        next_cursor: leads to further tickets; empty on the last part.
    """

    data: tuple[str, ...]
    lines: tuple[TransferLine, ...]
    next_cursor: str


def transfer_of(
    database: Rows,
    viewer: Principal,
    *,
    network: str = "",
    found_on: str = "",
    dataset: str = "",
    owner: str = "",
    cursor: str = "",
    limit: int = 50,
) -> Transfer:
    """The matrix of the tickets that the viewer may see and that somebody has retrained.

    Args:
        network, found_on, owner: of the tickets.
        dataset: only this column.
        limit: how many tickets at most.

    Raises:
        CursorError: the cursor is not one of this hub for these filters.
    """
    wanted = TicketFilter(network=network, dataset=found_on, owner=owner, text="", sort="name")
    limit = max(1, min(limit, MAX_PAGE))
    tried = select(1).where(shown_with(), *([Evidence.dataset == dataset] if dataset else []))
    statement = select(TicketEntry.key, TicketEntry.id).where(
        *conditions(wanted, viewer, sqlite=is_sqlite(database)),
        TicketEntry.repository_id.is_not(None),
        tried.correlate(TicketEntry).exists(),
    )
    question = _Question(network=network, found_on=found_on, dataset=dataset, owner=owner)
    if cursor:
        key, _ = decode_cursor(cursor, question)
        if not isinstance(key, str):
            raise CursorError
        statement = statement.where(TicketEntry.key > key)
    rows = database.execute(statement.order_by(TicketEntry.key).limit(limit + 1)).all()
    lines = _lines(database, [row.id for row in rows[:limit]], dataset)
    more = len(rows) > limit
    return Transfer(
        data=tuple(sorted({cell.data for line in lines for cell in line.cells})),
        lines=tuple(lines),
        next_cursor=encode_cursor(question, rows[limit - 1].key, "") if more else "",
    )


@dataclass(frozen=True, kw_only=True)
class _Question:
    network: str
    found_on: str
    dataset: str
    owner: str


def _lines(database: Rows, ids: Sequence[str], dataset: str) -> list[TransferLine]:
    level, evidence, entry, own_level = EvidenceLevel, Evidence, TicketEntry, TicketLevel
    name = (entry.namespace + "/" + entry.name).label("ticket")
    statement = (
        select(
            name, entry.dataset.label("found_on"), entry.network.label("own_network"),
            own_level.density.label("own_density"),
            evidence.id, evidence.dataset.label("data"), evidence.origin, evidence.sender,
            level.level, level.density, level.transferred, level.head,
            *(getattr(level, name) for name in OUTCOME),
        )
        .join(evidence, of_evidence())
        .join(entry, shown_with())
        .join(own_level, and_(own_level.ticket_id == entry.id, own_level.level == level.level))
        .where(
            entry.id.in_(ids), level.accuracy != NOT_MEASURED,
            *([evidence.dataset == dataset] if dataset else []),
        )
        .order_by(entry.key, level.level, evidence.dataset, evidence.id)
    )  # fmt: skip
    found: dict[tuple[str, int], list[Any]] = {}
    for row in database.execute(statement):
        found.setdefault((row.ticket, row.level), []).append(row)
    return [_line(rows) for rows in found.values()]


def _line(rows: Sequence[Any]) -> TransferLine:
    first = rows[0]
    return TransferLine(
        ticket=first.ticket,
        found_on=first.found_on,
        network=first.own_network,
        level=first.level,
        density=first.own_density,
        cells=tuple(
            TransferCell(
                id=row.id,
                data=row.data,
                origin=row.origin,
                sender=row.sender,
                density=row.density,
                transferred=row.transferred,
                head=row.head,
                **outcome_of(row),
            )
            for row in rows
        ),
    )
