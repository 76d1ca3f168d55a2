"""Lists of tickets as the REST API and the pages show them, a page at a time."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from ticket_hub.bundle.cost_record import ListedCost
from ticket_hub.recipe.own import ACCURACY
from ticket_hub_api.accounts.principals import Principal
from ticket_hub_api.catalog.entries import VERDICT_BITS, of_accuracy
from ticket_hub_api.catalog.ticket_query import (
    MIN_LEVELS,
    TicketFilter,
    after,
    conditions,
    count_levels,
    cursor_after,
    fact,
    level_conditions,
    order_by,
    retrained,
    sort_column,
    visible,
)
from ticket_hub_api.catalog.ticket_shapes import (
    FittingLevel,
    TicketItem,
    TicketPage,
    Vouched,
)
from ticket_hub_api.store.ticket_tables import (
    NOT_MEASURED,
    BundleFacts,
    EvidenceLevel,
    TicketEntry,
    TicketLevel,
)

__all__ = ["COUNTED", "MAX_PAGE", "Rows", "is_sqlite", "metrics_of", "page_of"]

MAX_PAGE = 100
"""Rows that one answer may have."""
COUNTED = 1000
"""Matches are counted up to here: a count of all would read the whole catalog."""
Rows = Connection | Session
"""Where rows are read from."""


def page_of(
    database: Rows,
    wanted: TicketFilter,
    viewer: Principal,
    *,
    cursor: str = "",
    limit: int = 50,
) -> TicketPage:
    """A page of the tickets that fit and that the viewer may see.

    Tickets that are pushed while somebody turns pages neither repeat nor hide others.

    Raises:
        CursorError: the cursor is not one of this hub for this filter and order.
        ApiError: 422, the best first are asked for, and not by which metric.
    """
    limit = max(1, min(limit, MAX_PAGE))
    sqlite = is_sqlite(database)
    column = sort_column(wanted, sqlite=sqlite)
    statement = select(column.label("place"), TicketEntry.id).order_by(*order_by(wanted, column))
    counting = count_levels(wanted)
    few = counting is not None and database.execute(counting).scalar_one() <= MIN_LEVELS
    statement = statement.where(*conditions(wanted, viewer, sqlite=sqlite, narrow=few))
    if cursor:
        condition, total = after(wanted, column, cursor)
        # One more than the page tells whether there is another.
        rows = database.execute(statement.where(condition).limit(limit + 1)).all()
    else:  # the first page counts on the way, since the index has all that it needs
        rows = database.execute(statement.limit(COUNTED + 1)).all()
        total = len(rows)
    more, last = len(rows) > limit, rows[limit - 1] if len(rows) > limit else None
    return TicketPage(
        items=_items(database, [row.id for row in rows[:limit]], wanted),
        next_cursor=cursor_after(wanted, last.place, last.id, total) if more and last else "",
        total=min(total, COUNTED),
        exact=total <= COUNTED,
    )


def _items(database: Rows, ids: list[str], wanted: TicketFilter) -> tuple[TicketItem, ...]:
    """The entries of these ids, in this order, each with the level by which it fits."""
    columns = TicketEntry.__table__.columns
    rows = database.execute(select(*columns).where(TicketEntry.id.in_(ids))) if ids else ()
    found = {row.id: row for row in rows}
    fitting = _fitting(database, {row.id: row.level for row in found.values()}, wanted)
    others = _other_metrics(database, [row.manifest for row in found.values() if _other(row)])
    manifests = [row.manifest for row in found.values()]
    sqlite = is_sqlite(database)
    cost, default = (fact(name, sqlite=sqlite) for name in ("cost", "default"))
    statement = select(BundleFacts.manifest, cost, default)
    statement = statement.where(BundleFacts.manifest.in_(manifests))
    facts = {row[0]: row[1:] for row in database.execute(statement)} if manifests else {}
    ladders = _ladders(database, ids)
    again = _retrained(database, ids)
    return tuple(
        _item(
            row,
            fitting.get(each),
            others.get(row.manifest),
            *facts[row.manifest],
            ladder=ladders.get(each, ()),
            again=again.get(each),
        )
        for each in ids
        if (row := found.get(each)) is not None
    )


def _other(row: Any) -> bool:  # noqa: ANN401 - columns of a row
    return bool(row.accuracy == NOT_MEASURED)


def _ladders(database: Rows, ids: list[str]) -> dict[str, list[tuple[float, float]]]:
    """Density and accuracy of the measured levels of tickets, dense first."""
    level, found = TicketLevel, dict[str, list[tuple[float, float]]]()
    columns = select(level.ticket_id, level.density, level.accuracy)
    wanted = columns.where(level.ticket_id.in_(ids), level.accuracy != NOT_MEASURED)
    for row in database.execute(wanted.order_by(level.ticket_id, level.level)) if ids else ():
        found.setdefault(row.ticket_id, []).append((row.density, row.accuracy))
    return found


def _other_metrics(database: Rows, manifests: list[str]) -> dict[str, dict[str, Any]]:
    """What bundles without an accuracy are measured by, and what the level meant came to."""
    if not manifests:
        return {}
    statement = select(BundleFacts.manifest, BundleFacts.facts)
    rows = database.execute(statement.where(BundleFacts.manifest.in_(manifests)))
    found = {row.manifest: json.loads(row.facts) for row in rows}
    return {
        manifest: facts["metric"] | {"value": facts["default"]["value"], "ladder": ladder_of(facts)}
        for manifest, facts in found.items()
        if not of_accuracy(facts)
    }


def ladder_of(facts: Mapping[str, Any]) -> tuple[tuple[float, float], ...]:
    """Density and mean of the measured levels of a bundle, dense first."""
    return tuple(
        (each["density"], each["evidence"]["test_accuracy"]["mean"])
        for each in facts["levels"]
        if each["evidence"]
    )


def _fitting(
    database: Rows, meant: Mapping[str, int], wanted: TicketFilter
) -> dict[str, FittingLevel]:
    """For each ticket the level that is meant, if it fits, else the sparsest that does."""
    asked = level_conditions(wanted)
    if not asked or not meant:
        return {}
    level = TicketLevel
    columns = (level.ticket_id, level.level, level.density, level.accuracy, level.verdict)
    statement = select(*columns).where(level.ticket_id.in_(meant), *asked)
    found: dict[str, FittingLevel] = {}
    for row in database.execute(statement.order_by(level.density, level.level.desc())):
        if row.ticket_id not in found or row.level == meant[row.ticket_id]:
            found[row.ticket_id] = _level(row)
    if wanted.verdict is not None:
        own = level_conditions(wanted, EvidenceLevel)
        for row in database.execute(_verdicts_of(list(meant)).where(*own)):
            found.setdefault(row.ticket_id, _level(row, retrained=True))
    return found


def _verdicts_of(ids: list[str]) -> Select[Any]:
    """What experiments say of the levels of these tickets, the sparsest first."""
    level = EvidenceLevel
    columns = (level.level, level.density, level.accuracy, level.verdict)
    found = retrained(TicketEntry.id.label("ticket_id"), *columns)
    return found.where(TicketEntry.id.in_(ids)).order_by(level.density, level.level.desc())


def _retrained(database: Rows, ids: list[str]) -> dict[str, FittingLevel]:
    """For each ticket the sparsest level among those that got its best verdict in experiments."""
    rows = database.execute(_verdicts_of(ids)).all() if ids else ()
    found: dict[str, FittingLevel] = {}
    for row in sorted(rows, key=lambda row: VERDICT_BITS[row.verdict]):
        found.setdefault(row.ticket_id, _level(row, retrained=True))
    return found


def _level(row: Any, *, retrained: bool = False) -> FittingLevel:  # noqa: ANN401 - columns of a row
    return FittingLevel(
        level=row.level,
        density=row.density,
        accuracy=None if row.accuracy == NOT_MEASURED else row.accuracy,
        verdict=row.verdict or None,
        retrained=retrained,
    )


def metrics_of(database: Rows, viewer: Principal) -> list[str]:
    """The metrics but accuracy of the tickets that the viewer may see, as `TicketFilter` takes."""
    label = fact("metric", "label", sqlite=is_sqlite(database)).as_string()
    statement = (
        select(label)
        .select_from(TicketEntry)
        .join(BundleFacts, BundleFacts.manifest == TicketEntry.manifest)
        .where(TicketEntry.accuracy == NOT_MEASURED, *visible(viewer))
    )
    found = {each for (each,) in database.execute(statement.distinct())}
    return sorted(each for each in found if each not in {None, ACCURACY.label})


def is_sqlite(database: Rows) -> bool:
    """Whether it is SQLite, whose words are looked up in another way."""
    dialect = database.dialect if isinstance(database, Connection) else database.get_bind().dialect
    return dialect.name == "sqlite"


def _item(
    row: Any,  # noqa: ANN401 - columns of a row
    fitting: FittingLevel | None,
    other: Mapping[str, Any] | None,
    cost: Mapping[str, Any] | None,
    default: Mapping[str, Any],
    *,
    ladder: Sequence[tuple[float, float]],
    again: FittingLevel | None,
) -> TicketItem:
    same = (
        "id", "source", "network", "dataset", "recipe", "trials", "levels", "prunable", "level",
        "rule", "density", "low", "high", "n", "created_at", "updated_at",
    )  # fmt: skip
    return TicketItem(
        repo=f"{row.namespace}/{row.name}",
        private=row.visibility == "private",
        commit=row.head,
        bundle=row.bundle_id,
        accuracy=None if _other(row) else row.accuracy,
        metric=ACCURACY.label if other is None else other["label"],
        lower_is_better=other is not None and other["lower_is_better"],
        value=other["value"] if other else None if _other(row) else row.accuracy,
        tickets=row.n,
        verdict=row.verdict or None,
        fitting=fitting,
        retrained=again,
        cost=None if cost is None else ListedCost(**cost),
        trained=default.get("trained", True),
        ladder=tuple(ladder) if other is None else other["ladder"],
        vouched=Vouched(replays=row.replays, identical=row.identical, signed_by=row.signed_by),
        **{name: getattr(row, name) for name in same},
    )
