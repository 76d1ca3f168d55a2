"""The leaderboard: the tickets of this hub as they stand, by the rules of `bundle.standings`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, select

from ticket_hub.bundle.cost_record import CostRecord, ListedCost
from ticket_hub.bundle.standings import (
    ExperimentResults,
    LevelResult,
    Standing,
    in_order,
    pareto_front,
    standings_of,
)
from ticket_hub.recipe.own import ACCURACY
from ticket_hub.recipe.tables import build
from ticket_hub_api.accounts.principals import Principal
from ticket_hub_api.catalog.entries import metric_of
from ticket_hub_api.catalog.experiments import shown_with
from ticket_hub_api.catalog.ticket_query import TicketFilter, conditions, fact, visible
from ticket_hub_api.catalog.tickets import MAX_PAGE, Rows, is_sqlite
from ticket_hub_api.store.ticket_tables import (
    BundleFacts,
    Evidence,
    EvidenceLevel,
    TicketEntry,
    TicketLevel,
)

__all__ = ["Leaderboard", "LeaderboardFilter", "LeaderboardItem", "Vouched", "leaderboard_of"]

Entry = Any
"""A row of the columns that are asked for."""
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
    """

    dataset: str = ""
    network: str = ""
    density_min: float | None = None
    density_max: float | None = None
    metric: str = ACCURACY.label
    verdict: str = ""
    tested: bool = False


@dataclass(frozen=True, kw_only=True)
class Vouched:
    """Who else stands for a ticket.

    Attributes:
        replays: how many others replayed its search; None where that is not known.
        identical: of them, those whose replay had the same bits.
        signed_by: the names of those whose signature holds.
    """

    replays: int | None = None
    identical: int | None = None
    signed_by: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class LeaderboardItem:
    """One level of one ticket on one data set.

    Attributes:
        place: from 1 on; null where it was never trained beside controls.
        ticket: its address, `owner/name:level`; `ticket pull` takes it.
        repo, source: as in `TicketItem`.
        network, dataset, level, density: what was trained, on which data.
        metric, lower_is_better: what was measured, with its unit.
        value, low, high: mean over n runs with the 95% interval; without controls the least and
            the greatest of the tickets.
        n, tickets: number of runs, and of different tickets among them.
        controls: beside which it was trained, but for the dense network; empty where it was not.
        verdict: against all its controls; null where too few runs support any.
        gain: over the control that it leads by least; null without one.
        by: who made the evidence; empty for the search itself.
        cost: its quickest form on the machine that measured it; null where nobody did.
        front: whether no sparser ticket that was trained beside controls does as well.
        vouched: replays and signatures.
    """

    place: int | None
    ticket: str
    repo: str
    source: str
    network: str
    dataset: str
    level: int
    density: float
    metric: str
    lower_is_better: bool
    value: float
    low: float | None
    high: float | None
    n: int
    tickets: int | None
    controls: tuple[str, ...]
    verdict: str | None
    gain: float | None
    by: str
    cost: ListedCost | None
    front: bool
    vouched: Vouched


@dataclass(frozen=True, kw_only=True)
class Leaderboard:
    """The best first: those that were trained beside controls, then the others, at most a page."""

    items: tuple[LeaderboardItem, ...]


def vouched_of(facts: Mapping[str, Any]) -> Vouched:
    """What the facts of a bundle say of replays and signatures."""
    del facts  # nothing yet
    return Vouched()


def leaderboard_of(
    database: Rows, wanted: LeaderboardFilter, viewer: Principal, *, limit: int = 50
) -> Leaderboard:
    """The tickets that the viewer may see, as they stand.

    Looked at are those of the `MAX_READ` best results with controls, and of as many without.
    """
    entries = _entries(database, wanted, viewer)
    found: list[tuple[Standing, Entry, Vouched]] = []
    for entry, facts, evidence in _with_evidence(database, entries):
        vouched = vouched_of(facts)
        name = f"{entry.namespace}/{entry.name}"
        found += [
            (each, entry, vouched)
            for each in _standings(name, facts, evidence)
            if _fits(each, wanted)
        ]
    whose = {id(each): (entry, vouched) for each, entry, vouched in found}
    ordered = in_order(each for each, _, _ in found)
    front = {id(each) for each in pareto_front(ordered)}
    return Leaderboard(
        items=tuple(
            _item(each, place, *whose[id(each)], front=id(each) in front)
            for place, each in enumerate(ordered[: max(1, min(limit, MAX_PAGE))], 1)
        )
    )


def _fits(each: Standing, wanted: LeaderboardFilter) -> bool:
    low = 0.0 if wanted.density_min is None else wanted.density_min
    high = 1.0 if wanted.density_max is None else wanted.density_max
    return (
        each.metric.label == wanted.metric
        and wanted.dataset in {"", each.dataset}
        and wanted.network in {"", each.network}
        and low <= each.density <= high
        and wanted.verdict in {"", each.verdict}
        and (bool(each.controls) or not wanted.tested)
    )


def _item(
    each: Standing, place: int, entry: Entry, vouched: Vouched, *, front: bool
) -> LeaderboardItem:
    same = ("ticket", "network", "dataset", "level", "density", "value", "low", "high", "n",
            "tickets", "controls", "verdict", "gain", "by", "cost")  # fmt: skip
    return LeaderboardItem(
        place=place if each.controls else None,
        repo=f"{entry.namespace}/{entry.name}",
        source=entry.source,
        metric=each.metric.label,
        lower_is_better=each.metric.lower_is_better,
        front=front,
        vouched=vouched,
        **{name: getattr(each, name) for name in same},
    )


def _entries(database: Rows, wanted: LeaderboardFilter, viewer: Principal) -> Sequence[Entry]:
    """The entries whose tickets may be among the best."""
    entry, level, evidence = TicketEntry, TicketLevel, Evidence
    columns = (entry.id, entry.repository_id, entry.bundle_id, entry.namespace, entry.name,
               entry.source, entry.manifest)  # fmt: skip
    network = [entry.network == wanted.network] if wanted.network else []
    if wanted.metric != ACCURACY.label:
        sqlite = is_sqlite(database)
        asked = TicketFilter(network=wanted.network, metric=wanted.metric)
        rank = fact("default", "rank", sqlite=sqlite).as_float()
        where = conditions(asked, viewer, sqlite=sqlite)
        return database.execute(
            select(*columns).where(*where).order_by(rank.desc(), entry.id).limit(MAX_READ)
        ).all()
    low = 0.0 if wanted.density_min is None else wanted.density_min
    high = 1.0 if wanted.density_max is None else wanted.density_max
    own = and_(
        EvidenceLevel.evidence_id == evidence.id,
        EvidenceLevel.repository_id == evidence.repository_id,
    )
    tested = (
        select(*columns)
        .join(evidence, shown_with())
        .join(EvidenceLevel, own)
        .where(EvidenceLevel.density.between(low, high), *network, *visible(viewer))
        .order_by(EvidenceLevel.accuracy.desc(), entry.id)
        .limit(MAX_READ)
    )
    alone = (
        select(*columns)
        .join(level, level.ticket_id == entry.id)
        .where(level.density.between(low, high), level.accuracy >= 0, *network, *visible(viewer))
        .order_by(level.accuracy.desc(), entry.id)
        .limit(MAX_READ)
    )
    if wanted.dataset:
        tested = tested.where(evidence.dataset == wanted.dataset)
        alone = alone.where(entry.dataset == wanted.dataset)
    rows = [*database.execute(tested), *(() if wanted.tested else database.execute(alone))]
    return list({row.id: row for row in rows}.values())


def _with_evidence(
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


def _standings(
    name: str, facts: Mapping[str, Any], evidence: Iterable[Entry]
) -> Iterator[Standing]:
    carried = [each for each in facts["levels"] if each["carried"] and each["evidence"]]
    return standings_of(
        name,
        network=facts["architecture"]["name"],
        search=ExperimentResults(
            dataset=facts["data"]["name"],
            metric=metric_of(facts.get("metric")),
            by="",
            levels=[_result(each, ("min", "max")) for each in carried],
        ),
        experiments=[
            ExperimentResults(
                dataset=made.dataset,
                metric=metric_of((body["experiment"]["spec"].get("loop") or {}).get("metric")),
                by=made.sender or body["who"],
                levels=[_result(each, ("low", "high")) for each in body["levels"]],
            )
            for made in evidence
            for body in [json.loads(made.body)]
        ],
        costs=list(map(_record, facts.get("costs", ()))),
    )


def _record(facts: Mapping[str, Any]) -> CostRecord:
    return build(CostRecord, {name: each for name, each in facts.items() if name != "where"})


def _result(level: Mapping[str, Any], span: tuple[str, str]) -> LevelResult:
    evidence, (low, high) = level["evidence"], span
    value = evidence["test_accuracy"]
    return LevelResult(
        level=level["level"],
        density=level["density"],
        value=value["mean"],
        low=value[low],
        high=value[high],
        n=evidence["n"],
        tickets=evidence.get("tickets"),
        gains={
            control: (found.get("gain") or {}).get("mean")
            for control, found in level["controls"].items()
        },
        verdict=level["verdict"],
    )
