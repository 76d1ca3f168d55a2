"""Which tickets may be on the leaderboard: their rows, and the evidence that others have sent."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from sqlalchemy import select

from ticket_hub.recipe.own import ACCURACY
from ticket_hub_api.accounts.principals import Principal
from ticket_hub_api.catalog.ticket_query import (
    TicketFilter,
    conditions,
    fact,
    of_evidence,
    shown_with,
    visible,
)
from ticket_hub_api.catalog.tickets import Rows, is_sqlite
from ticket_hub_api.store.ticket_tables import (
    BundleFacts,
    Evidence,
    EvidenceLevel,
    TicketEntry,
    TicketLevel,
)

__all__ = ["Entry", "LeaderboardFilter", "Order", "entries_of", "with_evidence"]

Entry = Any
"""A row of the columns that are asked for."""
Order = Literal["value", "replays"]
MAX_DATASETS = 30
MAX_READ = 300
"""Results of each kind, the best first, whose tickets are looked at: more would read everything."""


@dataclass(frozen=True, kw_only=True)
class LeaderboardFilter:
    """What is looked for; None and empty texts ask for nothing. Ranges include their ends.

    Attributes:
        dataset: what the tickets were trained and tested on.
        network: what was trained.
        density_min, density_max: kept over prunable weights, in [0, 1].
        metric: what was measured; only tickets of one metric have an order.
        verdict: against the controls.
        tested: only those that were trained beside controls.
        sort: `value` has each data set's best first; `replays` those first that others replayed
            most often, whatever their data set.
    """

    dataset: str = ""
    network: str = ""
    density_min: float | None = None
    density_max: float | None = None
    metric: str = ACCURACY.label
    verdict: str = ""
    tested: bool = False
    sort: Order = "value"


_COLUMNS = (
    TicketEntry.id, TicketEntry.repository_id, TicketEntry.bundle_id, TicketEntry.namespace,
    TicketEntry.name, TicketEntry.source, TicketEntry.manifest, TicketEntry.replays,
    TicketEntry.identical, TicketEntry.replay_rank, TicketEntry.signed_by,
)  # fmt: skip


def entries_of(database: Rows, wanted: LeaderboardFilter, viewer: Principal) -> Sequence[Entry]:
    """The entries whose tickets may be among the best.

    These are those of the `MAX_READ` best results with controls of others, and of as many of the
    searches; where no data set is named, of each of the first `MAX_DATASETS` its share of both.
    """
    if wanted.metric != ACCURACY.label:
        sqlite = is_sqlite(database)
        asked = TicketFilter(network=wanted.network, metric=wanted.metric)
        rank = fact("default", "rank", sqlite=sqlite).as_float()
        where = conditions(asked, viewer, sqlite=sqlite)
        order = (*_by_replays(wanted), rank.desc(), TicketEntry.id)
        return database.execute(
            select(*_COLUMNS).where(*where).order_by(*order).limit(MAX_READ)
        ).all()
    if wanted.dataset:
        found = _entries_on(database, wanted, viewer, MAX_READ)
    else:
        datasets = _datasets(database, viewer)[:MAX_DATASETS]
        found = [
            row
            for each in datasets
            for row in _entries_on(
                database, replace(wanted, dataset=each), viewer, MAX_READ // len(datasets)
            )
        ]
    return list({row.id: row for row in found}.values())


def _datasets(database: Rows, viewer: Principal) -> list[str]:
    """What tickets that the viewer may see were found or trained again on."""
    found = select(TicketEntry.dataset).where(*visible(viewer)).distinct()
    again = (
        select(Evidence.dataset).join(TicketEntry, shown_with()).where(*visible(viewer)).distinct()
    )
    return sorted({*database.scalars(found), *database.scalars(again)})


def _entries_on(
    database: Rows, wanted: LeaderboardFilter, viewer: Principal, limit: int
) -> list[Entry]:
    """The entries with the best results on a data set, by experiments and by the searches."""
    entry, level, evidence = TicketEntry, TicketLevel, Evidence
    low = 0.0 if wanted.density_min is None else wanted.density_min
    high = 1.0 if wanted.density_max is None else wanted.density_max
    network = [entry.network == wanted.network] if wanted.network else []
    again = (
        select(*_COLUMNS)
        .join(evidence, shown_with())
        .join(EvidenceLevel, of_evidence())
        .where(evidence.dataset == wanted.dataset, *network, *visible(viewer))
        .where(EvidenceLevel.density.between(low, high))
        .order_by(*_by_replays(wanted), EvidenceLevel.accuracy.desc(), entry.id)
        .limit(limit)
    )
    searched = (
        select(*_COLUMNS)
        .join(level, level.ticket_id == entry.id)
        .where(entry.dataset == wanted.dataset, *network, *visible(viewer))
        .where(level.density.between(low, high), level.accuracy >= 0)
        .order_by(*_by_replays(wanted), level.accuracy.desc(), entry.id)
        .limit(limit)
    )
    return [*database.execute(again), *database.execute(searched)]


def _by_replays(wanted: LeaderboardFilter) -> list[Any]:
    return [TicketEntry.replay_rank.desc()] if wanted.sort == "replays" else []


def with_evidence(
    database: Rows, entries: Sequence[Entry]
) -> Iterator[tuple[Entry, Mapping[str, Any], list[Entry]]]:
    """Each entry with its facts, and with the records of experiments with its tickets."""
    facts = database.execute(
        select(BundleFacts.manifest, BundleFacts.facts).where(
            BundleFacts.manifest.in_({each.manifest for each in entries})
        )
    )
    said = {row.manifest: json.loads(row.facts) for row in facts}
    own = {each.repository_id for each in entries if each.repository_id}
    columns = (Evidence.repository_id, Evidence.bundle_id, Evidence.sender, Evidence.dataset,
               Evidence.body)  # fmt: skip
    evidence: dict[tuple[str, str], list[Entry]] = {}
    statement = select(*columns).where(Evidence.repository_id.in_(own)).order_by(Evidence.id)
    for row in database.execute(statement):
        evidence.setdefault((row.repository_id, row.bundle_id), []).append(row)
    for each in entries:
        yield each, said[each.manifest], evidence.get((each.repository_id, each.bundle_id), [])
