"""Tickets beside the controls that a score of weights has to beat, score by score.

Frankle et al. 2021 ("Pruning Neural Networks at Initialization: Why are We Missing the Mark?"):
shuffle the mask within layers, draw the weights anew, keep the lowest scores. Su et al. 2020
("Sanity-Checking Pruning Methods"): corrupt the examples that the scores see, and draw random masks
by the layers' densities alone.

The networks are those of `ticket retrain`, each bundle's in a folder as that leaves one:
`ticket compare` takes it. What is equal in two of them, such as random masks, is trained once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ticket_hub.analysis.sanity import EARLY_CONTROLS, GROUPED_CONTROLS, PLAIN_CONTROLS
from ticket_hub.analysis.subject import Subject
from ticket_hub.errors import EvidenceError
from ticket_hub.evidence.rows import EvidenceRow, level_rows
from ticket_hub.recipe import Recipe, TrainingSpec
from ticket_hub.recipe.tables import to_table
from ticket_hub.transfer.experiment_networks import pruning_of
from ticket_hub.transfer.level_evidence import LevelEvidence, outcomes_of
from ticket_hub.transfer.planning import Plan, plan_for
from ticket_hub.transfer.retraining import judge_together, train
from ticket_hub.transfer.shared import SharedNetworks
from ticket_hub.transfer.source import Source
from ticket_hub.transfer.terms import Terms

__all__ = ["Sanity", "SanityRow", "SanitySettings", "compute", "settings"]


@dataclass(frozen=True, kw_only=True)
class SanityRow:
    """The tickets of one score, or one of their controls.

    Attributes:
        score: the criterion, when it was asked, and how often.
        place: of the tickets, as they were named.
        level: of the tickets.
        density: kept weights over prunable weights.
        network: `ticket`, or a control.
        n: number of trials.
        accuracy, accuracy_low, accuracy_high: on the test set at the early stop, in [0, 1].
        gain, gain_low, gain_high: the tickets' accuracy minus this control's, paired by trial.
        verdict: as `ticket retrain` has it, of all scores and controls as one family.
    """

    score: str
    place: str
    level: int
    density: float
    network: str
    n: int
    accuracy: float
    accuracy_low: float | None
    accuracy_high: float | None
    gain: float | None
    gain_low: float | None
    gain_high: float | None
    verdict: str


@dataclass(frozen=True, kw_only=True)
class Sanity:
    """Scores beside their controls.

    Attributes:
        iterations: budget of each network.
        family: how many comparisons were corrected for together.
        rows: score by score, the ticket first.
    """

    UNITS: ClassVar[dict[str, str]] = {
        "accuracy, accuracy_low, accuracy_high": "share of the test examples, in [0, 1]",
        "gain, gain_low, gain_high": "difference of such shares",
        "iterations": "training iterations",
    }

    iterations: int
    family: int
    rows: tuple[SanityRow, ...]

    @property
    def scores(self) -> tuple[tuple[str, str], ...]:
        """Score and place of each of the tickets, in order."""
        return tuple(dict.fromkeys((row.score, row.place) for row in self.rows))


@dataclass(frozen=True, kw_only=True)
class SanitySettings:
    """What besides the tickets decides what they and their controls come to."""

    training: TrainingSpec
    plain: tuple[str, ...] = PLAIN_CONTROLS
    early: tuple[str, ...] = EARLY_CONTROLS


def settings(recipe: Recipe) -> SanitySettings:
    """As the recipe trains."""
    return SanitySettings(training=recipe.training)


def compute(subject: Subject) -> Sanity:
    """What the tickets of one level, and others of the same data, come to beside their controls.

    Raises:
        EvidenceError: the others were found on other data, or have survivors only.
        DataError, TrainingError: the networks cannot be trained.
    """
    cases = [(subject.source.bundle.manifest.recipe.name, subject.source, subject.level)]
    cases += [(other.title, other.source, other.level) for other in subject.others]
    plans = [_plan(subject, source, level) for _, source, level in cases]
    root = subject.gym.folder
    folders = [root / f"sanity-{source.id[:12]}" for _, source, _ in cases]
    places = [*zip(plans, folders, strict=True)]
    names = [f"{number}, {place}" for number, (place, _, _) in enumerate(cases, 1)]
    results = train(places, subject.gym.resources, names=names, shared=SharedNetworks(root))
    found = [levels for levels, _ in judge_together(places, results)]
    rows = [
        row
        for (place, source, level), levels in zip(cases, found, strict=True)
        for evidence in levels
        if evidence.level == level
        for row in _rows(place, _score(source), evidence)
    ]
    return Sanity(
        iterations=subject.settings.training.iterations,
        family=max(each.verdict.family for levels in found for each in levels),
        rows=tuple(rows),
    )


def _plan(subject: Subject, source: Source, level: int) -> Plan:
    """The tickets of a level beside all controls that they allow, trained as the subject's are."""
    data = [each.bundle.manifest.data.fingerprint for each in (subject.source, source)]
    if data[0] != data[1]:
        raise EvidenceError(
            "Tickets of other data cannot be judged beside these.",
            "Name tickets that were found on the same data.",
        )
    given: SanitySettings = subject.settings
    spec = pruning_of(source)
    # They need scores of theta0, and these masks are of none.
    early = () if spec.when == "trained" or spec.is_in_training else given.early
    plain = given.plain if spec.granularity == "weight" else GROUPED_CONTROLS
    training = to_table(given.training)
    terms = Terms(
        against=(*plain, *early),
        trials=len(subject.trials),
        changes={f"training.{key}": value for key, value in training.items()},
        seed=subject.seed,
    )
    return plan_for(source, (level,), terms, dataset=None, own=None)


def _score(source: Source) -> str:
    """Such as `snip at init` or `magnitude, iterative`."""
    spec = pruning_of(source)
    if spec.when == "trained":
        return f"{spec.criterion}, {spec.mode}"
    data = "" if spec.examples == "real" else f" on {spec.examples}"
    when = spec.when if spec.is_in_training else f"at {spec.when}"
    return f"{spec.criterion} {when}{data}"


def _rows(place: str, score: str, evidence: LevelEvidence) -> Iterator[SanityRow]:
    densities = {
        name: sum(each.density for each in results) / len(results)
        for name, results in evidence.results.items()
    }
    outcomes = outcomes_of(evidence.results)
    for row in level_rows(evidence.level, outcomes, densities, evidence.verdict):
        yield SanityRow(
            score=score,
            place=place,
            level=row.level,
            density=row.density,
            network=row.network,
            n=row.n,
            accuracy=row.accuracy,
            gain=row.gain,
            verdict=row.verdict,
            **_bounds(row, ("accuracy_low", "accuracy_high", "gain_low", "gain_high")),
        )


def _bounds(row: EvidenceRow, names: Sequence[str]) -> dict[str, Any]:
    """Bounds of intervals; None where the spread is not known."""
    values = {name: getattr(row, name) for name in names}
    return {
        name: value if value is not None and math.isfinite(value) else None
        for name, value in values.items()
    }
