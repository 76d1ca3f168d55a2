"""Which ticket is best: the levels of a hub's bundles, those tested beside controls first.

An entry without controls is never before one with them: a sparse network may do as well whatever
its first values are, and nobody has looked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ticket_hub.bundle.cost_record import CostRecord
from ticket_hub.bundle.experiment_record import ExperimentRecord
from ticket_hub.bundle.manifest import EvidenceSummary, LevelRecord, Manifest
from ticket_hub.bundle.standings import (
    ExperimentResults,
    LevelResult,
    Standing,
    in_order,
    standings_of,
)
from ticket_hub.errors import BundleError, HubError
from ticket_hub.hub.base import Hub, Report
from ticket_hub.hub.builtin import BUILTIN, PACKAGED, builtin_names
from ticket_hub.hub.connect import connect, is_named
from ticket_hub.hub.peeking import peek, peek_costs, peek_experiments
from ticket_hub.hub.query import Query, search
from ticket_hub.recipe.experiment_spec import TICKET
from ticket_hub.recipe.own import ACCURACY

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

    Args:
        dataset: trained and tested on; by experiments, also on other data than they were found on.
        network: its name.
        density: kept weights over prunable weights: at most so much, or from and to.
        metric: what was measured, such as `accuracy` or `RMSE (°C)`; only tickets of one metric
            have an order, which is in its direction.
        hub, token: as in `ticket_hub.search_hub`; those of the package are among them likewise.
        limit: at most so many; None is all.
        report: is told of each bundle that is passed over.

    Raises:
        HubError: the hub refuses or cannot be reached.
    """
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
    return in_order(found)[:limit]


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
            except BundleError as error:
                if report:
                    report(error)
                experiments, costs = (), ()
            yield from _of_bundle(hit.repo, manifest, experiments, costs)
    except HubError as error:
        if not (packaged and report):
            raise
        report(error)


def _packaged(network: str | None) -> Iterator[Standing]:
    from ticket_hub.bundle.read import open_bundle  # slow: it needs PyTorch

    for name in builtin_names():
        bundle = open_bundle(PACKAGED / name.removeprefix(BUILTIN))
        if network in {None, bundle.manifest.architecture.name}:
            yield from _of_bundle(name, bundle.manifest, bundle.experiments(), bundle.costs())


def _of_bundle(
    name: str,
    manifest: Manifest,
    experiments: Iterable[ExperimentRecord],
    costs: Sequence[CostRecord],
) -> Iterator[Standing]:
    carried = [each for each in manifest.levels if each.tickets and each.evidence]
    return standings_of(
        name,
        network=manifest.architecture.name,
        search=ExperimentResults(
            dataset=manifest.data.name,
            metric=manifest.metric,
            by="",
            levels=[_searched(each, each.evidence) for each in carried if each.evidence],
        ),
        experiments=map(_tested, experiments),
        costs=costs,
    )


def _tested(record: ExperimentRecord) -> ExperimentResults:
    from ticket_hub.bundle.card_experiments import record_rows  # slow: statistics need SciPy

    rows = record_rows(record)
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
    )
