"""Which ticket is best: the levels of a hub's bundles, those tested beside controls first.

An entry without controls is never before one with them: a sparse network may do as well whatever
its first values are, and nobody has looked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ticket_hub.bundle.experiment_record import ExperimentRecord
from ticket_hub.bundle.manifest import EvidenceSummary, LevelRecord, Manifest
from ticket_hub.errors import BundleError, HubError
from ticket_hub.hub.base import Hub, Report
from ticket_hub.hub.builtin import BUILTIN, PACKAGED, builtin_names
from ticket_hub.hub.connect import connect, is_named
from ticket_hub.hub.peeking import peek, peek_experiments
from ticket_hub.hub.query import Query, search
from ticket_hub.recipe.experiment_spec import DENSE, TICKET

__all__ = ["Standing", "best_tickets"]


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One level of one bundle on one data set, as it stands among others.

    Attributes:
        ticket: its address, `owner/name:level`.
        network, dataset: names; the data are those that it was trained and tested on.
        level, density: of the ticket.
        accuracy: mean at the early stop, in [0, 1].
        low, high: of the 95% interval; without controls the least and the greatest of the tickets.
        n, tickets: number of runs, and of different tickets among them.
        controls: beside which it was trained, but for the dense network; empty where it was not.
        verdict: against all its controls; None where too few runs support any.
        gain: over the control that it leads by least, in [0, 1]; None without one.
        by: who made the evidence; empty for the search itself.
    """

    ticket: str
    network: str
    dataset: str
    level: int
    density: float
    accuracy: float
    low: float | None
    high: float | None
    n: int
    tickets: int | None
    controls: tuple[str, ...]
    verdict: str | None
    gain: float | None
    by: str


def best_tickets(
    *,
    dataset: str | None = None,
    network: str | None = None,
    density: float | tuple[float, float] | None = None,
    hub: str | Path | None = None,
    token: str | None = None,
    limit: int | None = 20,
    report: Report | None = None,
) -> list[Standing]:
    """The tickets of a hub by accuracy: first those that were trained beside controls.

    Args:
        dataset: trained and tested on; by experiments, also on other data than they were found on.
        network: its name.
        density: kept weights over prunable weights: at most so much, or from and to.
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
        if low <= each.density <= high and dataset in {None, each.dataset}
    ]
    found.sort(key=lambda each: (not each.controls, -each.accuracy, each.ticket))
    return found[:limit]


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
            except BundleError as error:
                if report:
                    report(error)
                experiments = ()
            yield from _of_bundle(hit.repo, manifest, experiments)
    except HubError as error:
        if not (packaged and report):
            raise
        report(error)


def _packaged(network: str | None) -> Iterator[Standing]:
    from ticket_hub.bundle.read import open_bundle  # slow: it needs PyTorch

    for name in builtin_names():
        bundle = open_bundle(PACKAGED / name.removeprefix(BUILTIN))
        if network in {None, bundle.manifest.architecture.name}:
            yield from _of_bundle(name, bundle.manifest, bundle.experiments())


def _of_bundle(
    name: str, manifest: Manifest, experiments: Iterable[ExperimentRecord]
) -> Iterator[Standing]:
    """The levels that were trained beside controls, and those of the search that never were."""
    if not manifest.metric.is_accuracy:
        return
    tested: set[tuple[int, str]] = set()
    for record in experiments:
        if not record.spec.metric.is_accuracy:
            continue
        for standing in _of_record(name, manifest, record):
            if standing.controls:
                tested.add((standing.level, standing.dataset))
                yield standing
    for level in manifest.levels:
        known = (level.index, manifest.data.name) in tested or level.density == 1
        if level.tickets and level.evidence and not known:
            yield _untested(name, manifest, level, level.evidence)


def _of_record(name: str, manifest: Manifest, record: ExperimentRecord) -> Iterator[Standing]:
    from ticket_hub.bundle.card_experiments import record_rows  # slow: statistics need SciPy

    rows = record_rows(record)
    for ticket in (row for row in rows if row.network == TICKET):
        others = [row for row in rows if row.level == ticket.level and row is not ticket]
        others = [row for row in others if row.network != DENSE]
        gains = [row.gain for row in others if row.gain is not None]
        yield Standing(
            ticket=f"{name}:{ticket.level}",
            network=manifest.architecture.name,
            dataset=record.spec.data_name,
            level=ticket.level,
            density=ticket.density,
            accuracy=ticket.accuracy,
            low=ticket.accuracy_low,
            high=ticket.accuracy_high,
            n=ticket.n,
            tickets=ticket.tickets,
            controls=tuple(row.network for row in others),
            verdict=None if ticket.verdict == "none" else ticket.verdict,
            gain=min(gains, default=None),
            by=record.who,
        )


def _untested(
    name: str, manifest: Manifest, level: LevelRecord, evidence: EvidenceSummary
) -> Standing:
    test = evidence.test_accuracy
    return Standing(
        ticket=f"{name}:{level.index}",
        network=manifest.architecture.name,
        dataset=manifest.data.name,
        level=level.index,
        density=level.density,
        accuracy=test.mean,
        low=test.min,
        high=test.max,
        n=evidence.n,
        tickets=evidence.n,
        controls=(),
        verdict=None,
        gain=None,
        by="",
    )
