"""Which tickets, in which order, and where a page goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import (
    JSON,
    ColumnElement,
    Select,
    and_,
    cast,
    func,
    or_,
    select,
    tuple_,
    type_coerce,
)

from ticket_hub.recipe.own import ACCURACY
from ticket_hub.types import Word
from ticket_hub_api.accounts.principals import Principal, Scope
from ticket_hub_api.catalog.entries import (
    VERDICT_BITS,
    accuracy_bucket,
    bucket_mask,
    density_bucket,
)
from ticket_hub_api.catalog.paging import CursorError, decode_cursor, encode_cursor
from ticket_hub_api.catalog.words import has_words, words_of
from ticket_hub_api.errors import ApiError
from ticket_hub_api.settings import Visibility
from ticket_hub_api.store.ticket_tables import (
    NOT_MEASURED,
    BundleFacts,
    Evidence,
    EvidenceLevel,
    TicketEntry,
    TicketLevel,
)

__all__ = ["CursorError", "Sort", "TicketFilter", "after", "conditions", "cursor_after",
           "fact", "level_conditions", "of_evidence", "order_by", "retrained", "shown_with",
           "sort_column", "visible"]  # fmt: skip

MIN_LEVELS = 5000
_LARGEST = 1e300
"""Turned, it stands behind all that was measured."""
Sort = Literal["updated", "name", "accuracy", "density", "best", "replays", "size", "speedup"]
_COLUMNS: dict[str, Any] = {
    "updated": TicketEntry.updated_at,
    "name": TicketEntry.key,
    "accuracy": TicketEntry.accuracy,
    "density": TicketEntry.density,
    "replays": TicketEntry.replay_rank,
}
_KINDS: dict[str, type] = {
    "updated": int, "name": str, "accuracy": float, "density": float, "best": float,
    "replays": int, "size": float, "speedup": float,
}  # fmt: skip


_COSTS = {"size": "bytes", "speedup": "speedup"}


@dataclass(frozen=True, kw_only=True)
class TicketFilter:
    """What is looked for; None and empty texts ask for nothing. Ranges include their ends.

    Density, accuracy and verdict must hold for one and the same level of a ticket, in its search
    or, where a verdict is asked for, in an experiment with it on the data that it was found on.
    The order is by the ticket that is meant where no level is named.

    Attributes:
        network, dataset: names as in recipes.
        density_min, density_max: kept over prunable weights, in [0, 1].
        accuracy_min, accuracy_max: mean test accuracy at the early stop, in [0, 1].
        verdict: of a level.
        metric: what was measured, such as `accuracy` or `RMSE (°C)`.
        owner: first part of the repository's name.
        text: words; each must begin a word of the name, network, data set or recipe.
        max_ms, max_size: milliseconds of a forward pass and bytes of the weights, at most, as
            somebody measured them of the ticket's quickest form.
        sort: what to order by; `best` is by what was measured, of one metric alone; `replays` by
            those of others that came out, then those to the bit; `size` and `speedup` are of
            costs, and what nobody has measured stands behind.
        descending: highest, newest or last name first.
    """

    network: str = ""
    dataset: str = ""
    density_min: float | None = None
    density_max: float | None = None
    accuracy_min: float | None = None
    accuracy_max: float | None = None
    verdict: Word | None = None
    metric: str = ""
    owner: str = ""
    text: str = ""
    max_ms: float | None = None
    max_size: int | None = None
    sort: Sort = "updated"
    descending: bool = True


def visible(viewer: Principal) -> list[ColumnElement[bool]]:
    """The conditions under which a ticket exists for a viewer."""
    if viewer.scope == Scope.ADMIN:
        return []
    if viewer.anonymous:
        return [TicketEntry.visibility == Visibility.PUBLIC]
    own = [namespace for namespace, _ in viewer.roles]
    return [or_(TicketEntry.visibility != Visibility.PRIVATE, TicketEntry.owner_id.in_(own))]


def conditions(
    wanted: TicketFilter, viewer: Principal, *, sqlite: bool, narrow: bool = False
) -> list[Any]:
    """All conditions of a filter, cheap ones first.

    Args:
        narrow: begin with the levels of that density, since they are few; see `count_levels`.
    """
    found = visible(viewer)
    for column, value in (
        (TicketEntry.network, wanted.network), (TicketEntry.dataset, wanted.dataset)
    ):  # fmt: skip
        if value:
            found.append(column == value)
    if wanted.owner:
        # As a range, which the index of keys answers: `0` is the letter behind `/`.
        prefix = wanted.owner.lower() + "/"
        found.append(and_(TicketEntry.key >= prefix, TicketEntry.key < prefix[:-1] + "0"))
    found += _level_conditions(wanted, narrow=narrow)
    found += _metric_conditions(wanted, sqlite=sqlite)
    found += _cost_conditions(wanted, sqlite=sqlite)
    if words_of(wanted.text):
        found.append(has_words(wanted.text, sqlite=sqlite))
    return found


def _metric_conditions(wanted: TicketFilter, *, sqlite: bool) -> list[ColumnElement[bool]]:
    """That the metric is this one; facts are looked into where accuracy was not measured alone."""
    if not wanted.metric:
        return []
    if wanted.metric == ACCURACY.label:
        return [TicketEntry.accuracy != NOT_MEASURED]
    return [
        TicketEntry.accuracy == NOT_MEASURED,
        BundleFacts.manifest == TicketEntry.manifest,
        fact("metric", "label", sqlite=sqlite).as_string() == wanted.metric,
    ]


def _cost_conditions(wanted: TicketFilter, *, sqlite: bool) -> list[ColumnElement[bool]]:
    """That it was measured to cost so little; facts are looked into only where that is asked."""
    found: list[ColumnElement[bool]] = [
        fact("cost", name, sqlite=sqlite).as_float() <= most
        for name, most in (("milliseconds", wanted.max_ms), ("bytes", wanted.max_size))
        if most is not None
    ]
    return [BundleFacts.manifest == TicketEntry.manifest, *found] if found else []


def fact(*path: str, sqlite: bool) -> Any:  # noqa: ANN401 - a JSON value of any type
    """A part of what a bundle says, as a column."""
    whole = BundleFacts.facts
    return (type_coerce(whole, JSON) if sqlite else cast(whole, JSON))[path]


def shown_with() -> ColumnElement[bool]:
    """Evidence is shown while the repository's newest bundle is the one that it is about."""
    same = TicketEntry.bundle_id == Evidence.bundle_id
    return and_(TicketEntry.repository_id == Evidence.repository_id, same)


def of_evidence() -> ColumnElement[bool]:
    """Which levels are those of an experiment with a ticket."""
    level = EvidenceLevel
    return and_(level.evidence_id == Evidence.id, level.repository_id == Evidence.repository_id)


def retrained(*columns: Any) -> Select[Any]:  # noqa: ANN401 - columns of these tables
    """Columns of the levels of tickets that got a verdict on the data that they were found on."""
    statement = select(*columns).join(Evidence, shown_with()).join(EvidenceLevel, of_evidence())
    return statement.where(Evidence.dataset == TicketEntry.dataset, EvidenceLevel.verdict != "")


def level_conditions(
    wanted: TicketFilter, level: type[TicketLevel | EvidenceLevel] = TicketLevel
) -> list[ColumnElement[bool]]:
    """What one level must fulfil; none where the filter asks nothing of levels."""
    found: list[ColumnElement[bool]] = []
    for column, low, high in (
        (level.density, wanted.density_min, wanted.density_max),
        (level.accuracy, wanted.accuracy_min, wanted.accuracy_max),
    ):
        if low is not None or high is not None:
            found += [column >= (low or 0.0), column <= (1.0 if high is None else high)]
    if wanted.verdict is not None:
        found.append(level.verdict == wanted.verdict)
    return found


def _level_conditions(wanted: TicketFilter, *, narrow: bool) -> list[ColumnElement[bool]]:
    """That some level fits; first that the ticket's bits allow it, which costs less."""
    exact = level_conditions(wanted)
    entry = TicketEntry
    found: list[ColumnElement[bool]] = []
    low, high = wanted.density_min, wanted.density_max
    if low is not None or high is not None:
        low, high = low or 0.0, 1.0 if high is None else high
        # The densest is bucket 0, so that the upper bound has the first bit.
        mask = bucket_mask(density_bucket(high), max(density_bucket(low), density_bucket(high)))
        found.append(entry.density_bits.bitwise_and(mask) != 0)
    low, high = wanted.accuracy_min, wanted.accuracy_max
    if low is not None or high is not None:
        low, high = low or 0.0, 1.0 if high is None else high
        mask = bucket_mask(accuracy_bucket(low), max(accuracy_bucket(low), accuracy_bucket(high)))
        found.append(entry.accuracy_bits.bitwise_and(mask) != 0)
    if wanted.verdict is not None:
        found.append(entry.verdicts.bitwise_and(VERDICT_BITS[wanted.verdict]) != 0)
    if narrow:
        found.append(TicketEntry.id.in_(select(TicketLevel.ticket_id).where(*exact)))
    elif len(exact) > 1:
        found.append(select(1).where(TicketLevel.ticket_id == TicketEntry.id, *exact).exists())
    if wanted.verdict is None:
        return found
    again = retrained(TicketEntry.id).where(*level_conditions(wanted, EvidenceLevel))
    return [or_(and_(*found), entry.id.in_(again))]


def count_levels(wanted: TicketFilter) -> Select[int] | None:
    """Counts the levels in a range of density, up to one more than are few; None without one."""
    low, high = wanted.density_min, wanted.density_max
    if low is None and high is None:
        return None
    level = TicketLevel
    between = level.density.between(low or 0.0, 1.0 if high is None else high)
    some = select(level.level).where(between).limit(MIN_LEVELS + 1).subquery()
    return select(func.count()).select_from(some)


def order_by(wanted: TicketFilter, column: Any) -> list[Any]:  # noqa: ANN401 - of any type
    """The order; the id decides between equals, so that it is the same on every page."""
    if wanted.descending:
        return [column.desc(), TicketEntry.id.desc()]
    return [column.asc(), TicketEntry.id.asc()]


def cursor_after(wanted: TicketFilter, value: Any, last: str, total: int) -> str:  # noqa: ANN401 - as the column
    """The place behind an entry, for this filter and order only, with what was counted.

    SQLite gives a whole number out of JSON as one, which SQLAlchemy 2.0 hands on.
    """
    return encode_cursor(wanted, _KINDS[wanted.sort](value), last, total)


def sort_column(wanted: TicketFilter, *, sqlite: bool) -> Any:  # noqa: ANN401 - of any type
    """What is ordered by.

    Raises:
        ApiError: 422, the best first are asked for, and not by which metric.
    """
    if wanted.sort in {"size", "speedup"}:
        name = _COSTS[wanted.sort]
        last = -_LARGEST if wanted.descending else _LARGEST
        value = fact("cost", name, sqlite=sqlite).as_float()
        return (
            select(func.coalesce(value, last))
            .where(BundleFacts.manifest == TicketEntry.manifest)
            .correlate(TicketEntry)
            .scalar_subquery()
        )
    if wanted.sort != "best":
        return _COLUMNS[wanted.sort]
    if not wanted.metric:
        raise ApiError(422, "Tickets with different metrics have no order: name one metric.")
    if wanted.metric == ACCURACY.label:
        return TicketEntry.accuracy
    return func.coalesce(fact("default", "rank", sqlite=sqlite).as_float(), -_LARGEST)


def after(
    wanted: TicketFilter,
    column: Any,  # noqa: ANN401 - of any type
    cursor: str,
) -> tuple[ColumnElement[bool], int]:
    """The condition that an entry comes after a cursor's place, and what was counted before.

    Raises:
        CursorError: it is not one of this hub for this filter and order.
    """
    value, last, total = decode_cursor(cursor, wanted, parts=3)
    sound = type(value) is _KINDS[wanted.sort] and isinstance(last, str) and type(total) is int
    if not sound or total < 0:
        raise CursorError
    place = tuple_(column, TicketEntry.id)
    return place < (value, last) if wanted.descending else place > (value, last), total
