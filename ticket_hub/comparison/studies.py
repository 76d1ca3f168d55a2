"""What is compared: a search or an experiment, as measurements and the terms they hold under."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from ticket_hub.bundle import Bundle
from ticket_hub.bundle.summary import outcomes
from ticket_hub.comparison.ladder import Measured, MeasuredLadder, Series
from ticket_hub.comparison.terms import batches, bundle_terms, experiment_terms
from ticket_hub.evidence import Outcome, Pairing, Rule, Verdict, judge_family
from ticket_hub.evidence.verdict import Judged
from ticket_hub.recipe.own import ACCURACY, Metric
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
    "judged_levels",
]

StudyKind: TypeAlias = Literal["search", "experiment"]
"""Where evidence comes from: a search itself, or an experiment with its tickets."""


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
        series = tuple(
            Series(
                name=name,
                rungs=tuple(each.networks[name] for each in self.levels if name in each.networks),
            )
            for name in self.networks
        )
        return MeasuredLadder(title=self.about, series=series, dense=self.dense)

    def learning(self, level: StudyLevel) -> dict[str, Measured]:
        """The networks of a level, dense last, as the figure of their training wants them."""
        dense = {DENSE: self.dense} if self.dense is not None else {}
        return {name: each for name, each in {**level.networks, **dense}.items() if each.curves}


def bundle_study(bundle: Bundle, *, name: str) -> Study:
    """The search that a bundle came from.

    A level counts only where every trial was measured, as it does for the bundle's own verdicts.

    Args:
        name: to show it under.

    Raises:
        BundleError: its evidence breaks the format or is not what the manifest says.
    """
    manifest, records = bundle.manifest, list(bundle.curves())
    densities = {record.index: record.density for record in manifest.levels}
    trials = [each.index for each in manifest.trials]
    found = outcomes(records, trials, manifest.metric)
    curves = {(each.level, each.control, each.trial): each.curves for each in records}
    seeds = [trial.seed for trial in manifest.trials]
    batch = manifest.id  # shared with nobody, where data or training are not known
    if manifest.data.fingerprint is not None and manifest.recipe.training is not None:
        batch = batches(manifest.data.fingerprint, manifest.recipe.training)
    measured: dict[int, dict[str, Measured]] = {}
    for level, control in sorted(found, key=lambda key: (key[0], key[1] != TICKET, key[1])):
        if level in densities:
            measured.setdefault(level, {})[control] = Measured(
                level=level,
                density=densities[level],
                outcome=found[level, control],
                orders=tuple(f"{batch}/{seed}/{level}" for seed in seeds),
                curves=tuple(curves[level, control, trial] for trial in trials),
                metric=manifest.metric,
            )
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
            if level and TICKET in networks
        ),
        about=f"{manifest.architecture.name} on {manifest.data.name}",
        metric=manifest.metric,
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


def judged_levels(bundle: Bundle) -> list[StudyLevel]:
    """The levels that have a control beside the dense network, judged by all their controls.

    Raises:
        BundleError: its evidence breaks the format or is not what the manifest says.
    """
    study = bundle_study(bundle, name="")
    (judged,) = judge_studies([study], Rule.of(study.metric))
    levels = () if study.dense is None else judged.levels
    return [each for each in levels if each.verdict and len(each.verdict.comparisons) > 1]


def _case(study: Study, level: StudyLevel) -> Judged:
    """The tickets of a level, and what was trained beside them."""
    outcomes = {name: each.outcome for name, each in level.networks.items()}
    dense = {} if study.dense is None else {DENSE: study.dense.outcome}
    ticket = outcomes.pop(TICKET)
    if study.kind != "search":
        return ticket, outcomes | dense
    # As in its bundle: what nobody has trained would match a dense network that nobody has.
    trained = any(each.is_trained for each in (ticket, *dense.values()))
    return ticket, dense | outcomes if trained else {}


def experiment_study(stored: StoredExperiment, *, name: str = "") -> Study:
    """An experiment on disk."""
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
        dense=None if dense is None else _measured(dense, outcome_of(dense), batch, spec.metric),
        levels=tuple(_study_level(each, batch, spec.metric) for each in stored.levels),
        about=f"{spec.network.name} on {spec.data_name}",
        test_examples=stored.header["data"].get("test_examples"),
        metric=spec.metric,
    )


def _study_level(level: LevelEvidence, batch: str, metric: Metric) -> StudyLevel:
    outcomes = outcomes_of(level.results)
    networks = {
        name: _measured(results, outcomes[name], batch, metric)
        for name, results in level.results.items()
        if name != DENSE
    }
    return StudyLevel(level=level.level, networks=networks, verdict=level.verdict)


def _measured(results: Sequence[Result], outcome: Outcome, batch: str, metric: Metric) -> Measured:
    return Measured(
        level=results[0].level,
        density=sum(each.density for each in results) / len(results),
        outcome=outcome,
        # Draws of a control share the order of their trial, and are averaged within it.
        orders=tuple(f"{batch}/{each.order_seed}/0" for each in results if not each.draw),
        curves=tuple(each.curves for each in results),
        metric=metric,
        network=results[0].control,
    )
