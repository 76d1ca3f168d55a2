"""Which tickets, in which order, and where a page goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, and_, or_, select, tuple_

from ticket_hub_api.auth import Principal, Scope
from ticket_hub_api.catalog.entries import VERDICT_BITS
from ticket_hub_api.catalog.paging import CursorError, decode_cursor, encode_cursor
from ticket_hub_api.catalog.ticket_tables import NOT_MEASURED, TicketEntry, TicketLevel
from ticket_hub_api.catalog.words import has_words, words_of
from ticket_hub_api.settings import Visibility

__all__ = ["CursorError", "Sort", "TicketFilter", "Verdict", "after", "conditions", "cursor_after",
           "order_by", "visible"]  # fmt: skip

Sort = Literal["updated", "name", "accuracy", "density"]
Verdict = Literal["winning", "matching", "not distinguishable", "losing"]
_COLUMNS: dict[str, Any] = {
    "updated": TicketEntry.updated_at,
    "name": TicketEntry.key,
    "accuracy": TicketEntry.accuracy,
    "density": TicketEntry.density,
}
_KINDS: dict[str, type] = {"updated": int, "name": str, "accuracy": float, "density": float}


@dataclass(frozen=True, kw_only=True)
class TicketFilter:
    """What is looked for; None and empty texts ask for nothing. Ranges include their ends.

    Density, accuracy and verdict must hold for one and the same level of a ticket. The order is
    by the ticket that is meant where no level is named.

    Attributes:
        network, dataset: names as in recipes.
        density_min, density_max: kept over prunable weights, in [0, 1].
        accuracy_min, accuracy_max: mean test accuracy at the early stop, in [0, 1].
        verdict: of a level.
        owner: first part of the repository's name.
        text: words; each must begin a word of the name, network, data set or recipe.
        sort: what to order by.
        descending: highest, newest or last name first.
    """

    network: str = ""
    dataset: str = ""
    density_min: float | None = None
    density_max: float | None = None
    accuracy_min: float | None = None
    accuracy_max: float | None = None
    verdict: Verdict | None = None
    owner: str = ""
    text: str = ""
    sort: Sort = "updated"
    descending: bool = True


def visible(viewer: Principal) -> list[ColumnElement[bool]]:
    """The conditions under which a ticket exists for a viewer; as `Principal.may_read`."""
    if viewer.scope == Scope.ADMIN:
        return []
    if viewer.anonymous:
        return [TicketEntry.visibility == Visibility.PUBLIC]
    own = [namespace for namespace, _ in viewer.roles]
    return [or_(TicketEntry.visibility != Visibility.PRIVATE, TicketEntry.owner_id.in_(own))]


def conditions(wanted: TicketFilter, viewer: Principal, *, sqlite: bool) -> list[Any]:
    """All conditions of a filter, cheap ones first."""
    found = visible(viewer)
    for column, value in (
        (TicketEntry.network, wanted.network), (TicketEntry.dataset, wanted.dataset)
    ):  # fmt: skip
        if value:
            found.append(column == value)
    if wanted.owner:
        prefix = wanted.owner.lower() + "/"
        found.append(and_(TicketEntry.key >= prefix, TicketEntry.key < prefix[:-1] + "0"))
    found += _of_levels(wanted)
    if words_of(wanted.text):
        found.append(has_words(wanted.text, sqlite=sqlite))
    return found


def _of_levels(wanted: TicketFilter) -> list[ColumnElement[bool]]:
    """That some level fits; first that the ticket's ranges allow it, which costs less."""
    entry, level = TicketEntry, TicketLevel
    rough: list[ColumnElement[bool]] = []
    exact: list[ColumnElement[bool]] = []
    if wanted.density_min is not None:
        rough.append(entry.most_density >= wanted.density_min)
        exact.append(level.density >= wanted.density_min)
    if wanted.density_max is not None:
        rough.append(entry.least_density <= wanted.density_max)
        exact.append(level.density <= wanted.density_max)
    if wanted.accuracy_min is not None:
        rough.append(entry.most_accuracy >= wanted.accuracy_min)
        exact.append(level.accuracy >= wanted.accuracy_min)
    if wanted.accuracy_max is not None:
        rough.append(entry.least_accuracy <= wanted.accuracy_max)
        exact += [level.accuracy <= wanted.accuracy_max, level.accuracy != NOT_MEASURED]
    if wanted.verdict is not None:
        rough.append(entry.verdicts.bitwise_and(VERDICT_BITS[wanted.verdict]) != 0)
        exact.append(level.verdict == wanted.verdict)
    if exact:
        rough.append(select(1).where(level.ticket_id == entry.id, *exact).exists())
    return rough


def order_by(wanted: TicketFilter) -> list[Any]:
    """The order; the id decides between equals, so that it is the same on every page."""
    column = _COLUMNS[wanted.sort]
    if wanted.descending:
        return [column.desc(), TicketEntry.id.desc()]
    return [column.asc(), TicketEntry.id.asc()]


def cursor_after(wanted: TicketFilter, entry: TicketEntry) -> str:
    """The place behind an entry, for this filter and order only."""
    return encode_cursor(wanted, getattr(entry, _COLUMNS[wanted.sort].key), entry.id)


def after(wanted: TicketFilter, cursor: str) -> ColumnElement[bool]:
    """The condition that an entry comes after a cursor's place.

    Raises:
        CursorError: it is not one of this hub for this filter and order.
    """
    value, last = decode_cursor(cursor, wanted)
    if type(value) is not _KINDS[wanted.sort] or not isinstance(last, str):
        raise CursorError
    place = tuple_(_COLUMNS[wanted.sort], TicketEntry.id)
    return place < (value, last) if wanted.descending else place > (value, last)
