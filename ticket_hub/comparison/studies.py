"""What is compared: a search or an experiment, as measurements and the terms they hold under."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from ticket_hub.bundle import Bundle
from ticket_hub.bundle.manifest import Manifest
from ticket_hub.bundle.metrics import CurveRecord, own_facts
from ticket_hub.comparison.ladder import MeasuredLadder, Rung, Series
from ticket_hub.comparison.terms import batches, bundle_terms, experiment_terms
from ticket_hub.evidence import Outcome, Pairing, Rule, Verdict, judge_family
from ticket_hub.evidence.counts import distinct
from ticket_hub.evidence.verdict import Judged
from ticket_hub.recipe.own import ACCURACY, Metric
from ticket_hub.training import Curves
from ticket_hub.transfer.level_evidence import LevelEvidence, outcome_of, outcomes_of
from ticket_hub.transfer.result import Result
from ticket_hub.transfer.spec import DENSE, TICKET, ExperimentSpec
from ticket_hub.transfer.stored import StoredExperiment

__all__ = [
    "Measured",
    "Study",
    "StudyKind",
    "StudyLevel",
    "bundle_study",
    "experiment_study",
    "judge_studies",
]

StudyKind: TypeAlias = Literal["search", "experiment"]
"""Where evidence comes from: a search itself, or an experiment with its tickets."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """One kind of network at one density.

    Attributes:
        density: kept weights over prunable weights, mean over the trials.
        outcome: of each trial.
        orders: of each trial, what names its examples and their order: two trials of one name
            saw the same.
        curves: of each trial; empty where only the outcome is known.
    """

    density: float
    outcome: Outcome
    orders: tuple[str, ...]
    curves: tuple[Curves, ...] = ()

    @property
    def n(self) -> int:
        """Number of trials."""
        return len(self.outcome.accuracy)

    @property
    def tickets(self) -> int | None:
        """How many different tickets they are of; None where that is not known."""
        return distinct(self.outcome.tickets)


@dataclass(frozen=True, kw_only=True, eq=False)
class StudyLevel:
    """The tickets of one level beside their controls.

    Attributes:
        level: pruning rounds done.
        networks: `ticket` first, then controls; without the dense network.
        verdict: what the evidence supports; None where nothing was trained beside the tickets,
            or it was not judged yet: see `judge_studies`.
    """

    level: int
    networks: Mapping[str, Measured]
    verdict: Verdict | None

    @property
    def ticket(self) -> Measured:
        """The tickets."""
        return self.networks[TICKET]

    @property
    def density(self) -> float:
        """Of the tickets."""
        return self.ticket.density


@dataclass(frozen=True, kw_only=True, eq=False)
class Study:
    """A search, or an experiment.

    Attributes:
        name: of the run, the bundle, or the ticket on a hub.
        kind: a `search` has a data order of its own for each level of a trial; in an
            `experiment` all networks of a trial share one.
        id: of the bundle, or the digest of the experiment.
        terms: what has to agree for a fair comparison: dotted key -> plain value; None where it
            is not known.
        dense: the dense network; None where it was not trained.
        levels: by rising index.
        about: the network and the data, for people.
        test_examples: that accuracies are of; None where that is not known.
        metric: what was measured; outcomes and curves have its values as accuracies.
    """

    name: str
    kind: StudyKind
    id: str
    terms: Mapping[str, Any]
    dense: Measured | None
    levels: tuple[StudyLevel, ...]
    about: str = ""
    test_examples: int | None = None
    metric: Metric = ACCURACY

    def pairing(self, level: StudyLevel, control: str) -> Pairing:
        """What the tickets of a level share with a control or the dense network of their trial."""
        other = self.dense if control == DENSE else level.networks.get(control)
        same = other is not None and other.orders == level.ticket.orders
        return "data order" if same else "seed"

    @property
    def networks(self) -> tuple[str, ...]:
        """The names of all networks, `ticket` first, without `dense`."""
        return tuple(dict.fromkeys(name for level in self.levels for name in level.networks))

    def ladder(self) -> MeasuredLadder | None:
        """The study as figures want it; None where the curves of a network are not known."""
        measured = [each for level in self.levels for each in level.networks.values()]
        measured += [self.dense] if self.dense else []
        if not measured or not all(each.curves for each in measured):
            return None
        series = tuple(self._series(name) for name in self.networks)
        dense = None if self.dense is None else _rung(0, self.dense, self.metric)
        return MeasuredLadder(title=self.about, series=series, dense=dense)

    def learning(self, level: StudyLevel) -> dict[str, Rung]:
        """The networks of a level, dense last, as the figure of their training wants them."""
        dense = {DENSE: self.dense} if self.dense is not None else {}
        return {
            name: _rung(0 if name == DENSE else level.level, each, self.metric)
            for name, each in {**level.networks, **dense}.items()
            if each.curves
        }

    def _series(self, name: str) -> Series:
        rungs = tuple(
            _rung(each.level, each.networks[name], self.metric)
            for each in self.levels
            if name in each.networks
        )
        return Series(name=name, rungs=rungs)


def _rung(level: int, measured: Measured, metric: Metric) -> Rung:
    return Rung(
        level=level,
        density=measured.density,
        curves=measured.curves,
        tickets=measured.tickets,
        metric=metric,
    )


def bundle_study(bundle: Bundle, *, name: str, levels: Sequence[int] | None = None) -> Study:
    """The search that a bundle came from.

    A level counts only where every trial was measured, as it does for the bundle's own verdicts.

    Args:
        name: to show it under.
        levels: only these, and the dense one.

    Raises:
        BundleError: its evidence breaks the format or is not what the manifest says.
    """
    manifest = bundle.manifest
    found = _complete(bundle.curves(), [each.index for each in manifest.trials], manifest.metric)
    densities = {record.index: record.density for record in manifest.levels}
    measured: dict[int, dict[str, Measured]] = {}
    for (level, control), records in sorted(found.items(), key=lambda item: _order(*item[0])):
        if level in densities:
            one = _of_records(manifest, records, densities[level])
            measured.setdefault(level, {})[control] = one
    dense = measured.get(0, {}).get(TICKET)
    return Study(
        name=name,
        kind="search",
        id=manifest.id,
        terms=bundle_terms(manifest),
        dense=dense,
        levels=tuple(
            StudyLevel(level=level, networks=networks, verdict=None)
            for level, networks in measured.items()
            if level and TICKET in networks and (levels is None or level in levels)
        ),
        about=f"{manifest.architecture.name} on {manifest.data.name}",
        metric=manifest.metric,
    )


def _order(level: int, control: str) -> tuple[int, bool, str]:
    return level, control != TICKET, control


def _complete(
    records: Iterable[CurveRecord], trials: Sequence[int], metric: Metric
) -> dict[tuple[int, str], list[CurveRecord]]:
    """Level and control -> the records of all trials, in their order."""
    rows: dict[tuple[int, str], dict[int, CurveRecord]] = {}
    for record in records:
        rows.setdefault((record.level, record.control), {})[record.trial] = record
    return {
        key: [row[trial] for trial in trials]
        for key, row in rows.items()
        if set(row) == set(trials)
        and all(metric.is_possible(_accuracy(each)) for each in row.values())
    }


def _accuracy(record: CurveRecord) -> float:
    return float(record.curves.test_accuracy[record.curves.early_stop])


def _of_records(manifest: Manifest, records: Sequence[CurveRecord], density: float) -> Measured:
    seeds = {trial.index: trial.seed for trial in manifest.trials}
    fingerprint, training = manifest.data.fingerprint, manifest.recipe.training
    batch = manifest.id  # shared with nobody, where data or training are not known
    if fingerprint is not None and training is not None:
        batch = batches(fingerprint, training)
    return Measured(
        density=density,
        outcome=Outcome(
            accuracy=tuple(map(_accuracy, records)),
            early_stop=tuple(record.chosen for record in records),
            tickets=tuple(f"trial {record.trial}" for record in records),
            **own_facts([record.curves for record in records]),
        ),
        orders=tuple(f"{batch}/{seeds[each.trial]}/{each.level}" for each in records),
        curves=tuple(record.curves for record in records),
    )


def judge_studies(studies: Sequence[Study], rule: Rule) -> list[Study]:
    """The studies with their verdicts: all levels of all of them are one family."""
    cases = [_case(study, level) for study in studies for level in study.levels]
    verdicts = iter(judge_family([case for case in cases if case[1]], rule))
    found = iter([next(verdicts) if controls else None for _, controls in cases])
    return [
        replace(
            study,
            levels=tuple(replace(level, verdict=next(found)) for level in study.levels),
        )
        for study in studies
    ]


def _case(study: Study, level: StudyLevel) -> Judged:
    """The tickets of a level, and what was trained beside them."""
    outcomes = {name: each.outcome for name, each in level.networks.items()}
    dense = {} if study.dense is None else {DENSE: study.dense.outcome}
    ticket = outcomes.pop(TICKET)
    return ticket, dense | outcomes if study.kind == "search" else outcomes | dense


def experiment_study(
    stored: StoredExperiment, *, name: str = "", levels: Sequence[int] | None = None
) -> Study:
    """An experiment on disk, or some levels of it."""
    spec = stored.spec
    batch = spec.digest  # of an author's own loop, whose draws nobody else has
    if isinstance(spec, ExperimentSpec):
        batch = batches(stored.header["data"]["fingerprint"], spec.training)
    dense = next((each.results[DENSE] for each in stored.levels if DENSE in each.results), None)
    return Study(
        name=name or stored.path.name,
        kind="experiment",
        id=stored.header["digest"],
        terms=experiment_terms(stored),
        dense=None if dense is None else _of_results(dense, outcome_of(dense), batch),
        levels=tuple(
            _of_evidence(each, batch)
            for each in stored.levels
            if levels is None or each.level in levels
        ),
        about=f"{spec.network.name} on {spec.data_name}",
        test_examples=stored.header["data"].get("test_examples"),
        metric=spec.metric,
    )


def _of_evidence(level: LevelEvidence, batch: str) -> StudyLevel:
    outcomes = outcomes_of(level.results)
    networks = {
        name: _of_results(results, outcomes[name], batch)
        for name, results in level.results.items()
        if name != DENSE
    }
    return StudyLevel(level=level.level, networks=networks, verdict=level.verdict)


def _of_results(results: Sequence[Result], outcome: Outcome, batch: str) -> Measured:
    return Measured(
        density=sum(each.density for each in results) / len(results),
        outcome=outcome,
        orders=tuple(f"{batch}/{each.order_seed}/0" for each in results),
        curves=tuple(each.curves for each in results),
    )
