"""The leaderboard: the tickets of this hub as they stand, by the rules of `bundle.standings`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ticket_hub.bundle.cost_record import CostRecord, ListedCost
from ticket_hub.bundle.standings import (
    ExperimentResults,
    LevelResult,
    Standing,
    in_order,
    pareto_front,
    shared_out,
    standings_of,
)
from ticket_hub.recipe.experiment_spec import DENSE
from ticket_hub.recipe.tables import build
from ticket_hub_api.accounts.principals import Principal
from ticket_hub_api.catalog.bundles import of_trained
from ticket_hub_api.catalog.entries import metric_of
from ticket_hub_api.catalog.leaderboard_rows import (
    Entry,
    LeaderboardFilter,
    entries_of,
    with_evidence,
)
from ticket_hub_api.catalog.ticket_shapes import Vouched
from ticket_hub_api.catalog.tickets import MAX_PAGE, Rows

__all__ = ["Leaderboard", "LeaderboardItem", "leaderboard_of"]


@dataclass(frozen=True, kw_only=True)
class LeaderboardItem:
    """One level of one ticket on one data set.

    Attributes:
        place: from 1 on in its data set; null where it was never trained, or not beside controls.
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
        trained: false where the value is of networks after one iteration at most, and says nothing
            of the ticket.
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
    trained: bool
    cost: ListedCost | None
    front: bool
    vouched: Vouched


@dataclass(frozen=True, kw_only=True)
class Leaderboard:
    """Data set by data set the best first, those without controls last; at most a page."""

    items: tuple[LeaderboardItem, ...]


def leaderboard_of(
    database: Rows, wanted: LeaderboardFilter, viewer: Principal, *, limit: int = 50
) -> Leaderboard:
    """The tickets that the viewer may see, as they stand.

    What tickets come to on different data has no order: of each data set as many are named as of
    the others.
    """
    entries = entries_of(database, wanted, viewer)
    found: list[Standing] = []
    whose: dict[int, Entry] = {}
    for entry, facts, evidence in with_evidence(database, entries):
        name = f"{entry.namespace}/{entry.name}"
        own = [each for each in _standings(name, facts, evidence) if _fits(each, wanted)]
        whose |= {id(each): entry for each in own}
        found += own
    ordered = in_order(found)
    front = {id(each) for each in pareto_front(ordered)}
    seen = Counter[str]()
    places: dict[int, int] = {}
    for each in ordered:
        seen[each.dataset] += 1
        places[id(each)] = seen[each.dataset]
    if wanted.sort == "replays":
        # Sorting is stable: among as many replays the order of results stays.
        ordered.sort(key=lambda each: -whose[id(each)].replay_rank)
    kept = shared_out(ordered, max(1, min(limit, MAX_PAGE)))
    return Leaderboard(
        items=tuple(
            _item(each, places[id(each)], whose[id(each)], front=id(each) in front) for each in kept
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
        and (each.is_ranked or not wanted.tested)
    )


def _item(each: Standing, place: int, entry: Entry, *, front: bool) -> LeaderboardItem:
    same = ("ticket", "network", "dataset", "level", "density", "value", "low", "high", "n",
            "tickets", "controls", "verdict", "gain", "by", "trained", "cost")  # fmt: skip
    return LeaderboardItem(
        place=place if each.is_ranked else None,
        repo=f"{entry.namespace}/{entry.name}",
        source=entry.source,
        metric=each.metric.label,
        lower_is_better=each.metric.lower_is_better,
        front=front,
        vouched=Vouched(
            replays=entry.replays, identical=entry.identical, signed_by=entry.signed_by
        ),
        **{name: getattr(each, name) for name in same},
    )


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
            levels=[_result(each, _span(each)) for each in carried],
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


def _span(level: Mapping[str, Any]) -> tuple[str, str]:
    """What of a level of a search is its span: the interval where it has controls of its own."""
    return ("low", "high") if level["controls"].keys() - {DENSE} else ("min", "max")


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
        trained=of_trained(evidence),
    )
