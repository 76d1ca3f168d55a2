"""Which ticket is best: the levels of a hub's bundles, those tested beside controls first.

An entry without controls is never before one with them: a sparse network may do as well whatever
its first values are, and nobody has looked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ticket_hub.bundle.cost_record import CostRecord
from ticket_hub.bundle.experiment_record import ExperimentRecord
from ticket_hub.bundle.manifest import Manifest
from ticket_hub.bundle.manifest_records import EvidenceSummary, LevelRecord
from ticket_hub.bundle.standings import (
    ExperimentResults,
    LevelResult,
    Standing,
    in_order,
    shared_out,
    standings_of,
)
from ticket_hub.errors import BundleError, HubError
from ticket_hub.hub.base import Hub, Report
from ticket_hub.hub.builtin import BUILTIN, PACKAGED, builtin_names
from ticket_hub.hub.connect import connect, is_named
from ticket_hub.hub.peeking import peek, peek_costs, peek_curves, peek_experiments
from ticket_hub.hub.query import Query, check_limit, search
from ticket_hub.recipe.experiment_spec import TICKET
from ticket_hub.recipe.own import ACCURACY, is_trained

if TYPE_CHECKING:
    from ticket_hub.bundle.metrics import CurveRecord
    from ticket_hub.evidence import Outcome, Verdict

__all__ = ["Standing", "best_tickets"]


def best_tickets(
    *,
    dataset: str | None = None,
    network: str | None = None,
    density: float | tuple[float, float] | None = None,
    metric: str = ACCURACY.name,
    hub: str | Path | None = None,
    token: str | None = None,
    limit: int | None = 20,
    report: Report | None = None,
) -> list[Standing]:
    """The tickets of a hub by what they came to: first those that were trained beside controls.

    They come data set by data set: what tickets come to on different data has no order.

    Args:
        dataset: trained and tested on; by experiments, also on other data than they were found on.
        network: its name.
        density: kept weights over prunable weights: at most so much, or from and to.
        metric: what was measured, such as `accuracy` or `RMSE (°C)`; only tickets of one metric
            have an order, which is in its direction.
        hub, token: as in `ticket_hub.search_hub`; those of the package are among them likewise.
        limit: at most so many, of each data set as many as of the others; None is all.
        report: is told of each bundle that is passed over.

    Raises:
        HubError: the hub refuses or cannot be reached, or the limit is no count.
    """
    check_limit(limit)
    most = 1.0 if density is None else density
    low, high = most if isinstance(most, tuple) else (0.0, most)
    there, packaged = connect(hub, token=token), hub is None and not is_named()
    found = [
        each
        for each in _standings(there, network, packaged=packaged, report=report)
        if low <= each.density <= high
        and dataset in {None, each.dataset}
        and metric in {each.metric.name, each.metric.label}
    ]
    ordered = in_order(found)
    return ordered if limit is None else shared_out(ordered, limit)


def _standings(
    hub: Hub, network: str | None, *, packaged: bool, report: Report | None
) -> Iterator[Standing]:
    if packaged:
        yield from _packaged(network)
    try:
        for hit in search(hub, Query(network=network), report=report):
            snapshot, manifest = peek(hub, hit.repo)
            try:
                experiments = peek_experiments(hub, snapshot, manifest)
                costs = peek_costs(hub, snapshot, manifest)
                own = _own_controls(manifest, partial(peek_curves, hub, snapshot, manifest))
            except BundleError as error:
                if report:
                    report(error)
                experiments, costs, own = (), (), {}
            yield from _bundle_standings(hit.repo, manifest, experiments, costs, own)
    except HubError as error:
        if not (packaged and report):
            raise
        report(error)


def _packaged(network: str | None) -> Iterator[Standing]:
    from ticket_hub.bundle.read import open_bundle  # slow: it needs PyTorch

    for name in builtin_names():
        bundle = open_bundle(PACKAGED / name.removeprefix(BUILTIN))
        if network in {None, bundle.manifest.architecture.name}:
            own = _own_controls(bundle.manifest, bundle.curves)
            yield from _bundle_standings(
                name, bundle.manifest, bundle.experiments(), bundle.costs(), own
            )


def _bundle_standings(
    name: str,
    manifest: Manifest,
    experiments: Iterable[ExperimentRecord],
    costs: Sequence[CostRecord],
    own: Mapping[int, LevelResult],
) -> Iterator[Standing]:
    carried = [each for each in manifest.levels if each.tickets and each.evidence]
    return standings_of(
        name,
        network=manifest.architecture.name,
        search=ExperimentResults(
            dataset=manifest.data.name,
            metric=manifest.metric,
            by="",
            levels=[
                own.get(each.index) or _searched(each, each.evidence)
                for each in carried
                if each.evidence
            ],
        ),
        experiments=map(_tested, experiments),
        costs=costs,
    )


def _tested(record: ExperimentRecord) -> ExperimentResults:
    from ticket_hub.bundle.card_experiments import record_rows  # slow: statistics need SciPy

    rows = record_rows(record, record.usual_verdicts())
    return ExperimentResults(
        dataset=record.spec.data_name,
        metric=record.spec.metric,
        by=record.who,
        levels=[
            LevelResult(
                level=ticket.level,
                density=ticket.density,
                value=ticket.accuracy,
                low=ticket.accuracy_low,
                high=ticket.accuracy_high,
                n=ticket.n,
                tickets=ticket.tickets,
                gains={
                    row.network: row.gain
                    for row in rows
                    if row.level == ticket.level and row is not ticket
                },
                verdict=None if ticket.verdict == "none" else ticket.verdict,
                trained=is_trained(ticket.early_stop, stops_early=record.stops_early),
            )
            for ticket in rows
            if ticket.network == TICKET
        ],
    )


def _searched(level: LevelRecord, evidence: EvidenceSummary) -> LevelResult:
    test = evidence.test_accuracy
    return LevelResult(
        level=level.index,
        density=level.density,
        value=test.mean,
        low=test.min,
        high=test.max,
        n=evidence.n,
        tickets=evidence.n,
        gains={},
        verdict=None,
        trained=evidence.is_trained,
    )


def _own_controls(
    manifest: Manifest, curves: Callable[[], Iterable[CurveRecord]]
) -> dict[int, LevelResult]:
    """The levels whose controls stand in the bundle's own curves, which are read only then.

    Where every verdict is of one comparison a level, that is the one with the dense network.
    """
    judged = sum(bool(level.index and level.evidence) for level in manifest.levels)
    if manifest.family == judged:
        return {}
    from ticket_hub.bundle import summary  # slow: statistics need SciPy
    from ticket_hub.evidence.rule import Rule

    found = summary.outcomes(curves(), [trial.index for trial in manifest.trials], manifest.metric)
    verdicts = summary.shown(found, manifest.family, Rule.of(manifest.metric))
    density = {level.index: level.density for level in manifest.levels}
    return {
        level: _level_result(level, density[level], ticket, controls, verdicts.get(level))
        for level, (ticket, controls) in summary.beside(found).items()
    }


def _level_result(
    level: int,
    density: float,
    ticket: Outcome,
    controls: Iterable[str],
    verdict: Verdict | None,
) -> LevelResult:
    from ticket_hub.evidence import paired_difference
    from ticket_hub.evidence.counts import distinct

    mean = paired_difference(ticket.accuracy, [0.0] * len(ticket.accuracy))
    gains = {each.control: each.difference.mean for each in verdict.comparisons} if verdict else {}
    return LevelResult(
        level=level,
        density=density,
        value=mean.mean,
        low=mean.low,
        high=mean.high,
        n=len(ticket.accuracy),
        tickets=distinct(ticket.tickets),
        gains={each: gains.get(each) for each in controls},
        verdict=verdict.word if verdict else None,
        trained=ticket.is_trained,
    )
