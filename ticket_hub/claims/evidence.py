"""What was trained and analysed for a claim, and what its statements measure in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ticket_hub.analysis.folder import Finding
from ticket_hub.analysis.registry import find_analysis
from ticket_hub.claims.claim import Claim
from ticket_hub.claims.parts import Side, Statement
from ticket_hub.comparison.compared import is_near, nearest
from ticket_hub.comparison.ladder import Measured
from ticket_hub.comparison.studies import Study, StudyLevel
from ticket_hub.errors import EvidenceError, RecipeError
from ticket_hub.evidence import Contrast, Outcome, Pairing, contrast
from ticket_hub.transfer.spec import TICKET

__all__ = ["ClaimEvidence", "check_measures", "level_of", "unit_of"]


def check_measures(claim: Claim) -> None:
    """Refuse a measure that no analysis has, before anything is trained.

    Raises:
        RecipeError: those that it has are named.
    """
    for statement in claim.statements:
        if statement.analysis:
            known = [
                f"{statement.analysis}.{name}"
                for name in find_analysis(statement.analysis).measures
            ]
            if statement.measure not in known:
                raise RecipeError(
                    f"There is no measure {statement.measure[:80]!r}.",
                    f"{statement.analysis} has {', '.join(known) or 'none'}.",
                )


@dataclass(frozen=True)
class ClaimEvidence:
    """What was trained and analysed for a claim, by the names in it.

    Attributes:
        studies: searches and experiments.
        findings: of analyses.
        runs: the folders of all of them.
        bundles: of the searches.
    """

    studies: dict[str, Study] = field(default_factory=dict)
    findings: dict[str, tuple[Finding, ...]] = field(default_factory=dict)
    runs: dict[str, Path] = field(default_factory=dict)
    bundles: dict[str, Path] = field(default_factory=dict)

    def contrast(self, statement: Statement, confidence: float) -> Contrast:
        """Trial i of one side against trial i of the other: they have their seed in common.

        Raises:
            EvidenceError: a side was not trained, or a measure is not known of all trials.
        """
        if statement.analysis:
            # The measure of the tickets against 0, under the name of an accuracy.
            finding = self._finding(statement.sides[0])
            name = statement.measure.partition(".")[2]
            measure = find_analysis(finding.analysis).measures[name]
            values = measure.values(finding.result, statement.layer, statement.measure)
            # An outcome has early stops and an analysis has none: the same on both sides decides
            # nothing.
            stops = (0,) * len(values)
            tickets = tuple(f"trial {place}" for place in range(len(values)))
            mine = Outcome(accuracy=values, early_stop=stops, tickets=tickets)
            zero = Outcome(accuracy=(0.0,) * len(values), early_stop=stops, tickets=tickets)
            return contrast(mine, zero, pairing="seed", confidence=confidence)
        first, second = map(self._measured, statement.sides)
        pairing: Pairing = "data order" if first.orders == second.orders else "seed"
        # With more trials on one side, some have no like on the other.
        if first.n != second.n:
            pairing = "none"
        outcomes = [_outcome(each, statement) for each in (first, second)]
        return contrast(*outcomes, pairing=pairing, confidence=confidence)

    def densities(self, statement: Statement) -> tuple[float, float]:
        """Of both sides; that of the tickets twice, where they alone are analysed."""
        if statement.analysis:
            density = self._finding(statement.sides[0]).density
            return density, density
        first, second = (self._measured(side).density for side in statement.sides)
        return first, second

    def _finding(self, side: Side) -> Finding:
        # Level 0 is the dense network, and no ticket.
        known = {each.density: each for each in self.findings[side.study] if each.level}
        wanted = side.density or 1
        near = min(known, key=lambda density: abs(density - wanted))
        if side.network != TICKET or not is_near(near, wanted):
            raise EvidenceError(
                f"{side.study} has analysed no {side.network} of density {wanted:g}.",
                f"It has the ticket at {', '.join(f'{each:.3g}' for each in known)}.",
            )
        return known[near]

    def _measured(self, side: Side) -> Measured:
        study = self.studies[side.study]
        if side.density is None:
            measured = study.dense
        else:
            measured = level_of(study, side.density).networks.get(side.network)
        if measured is None:
            raise EvidenceError(
                f"The claim compares {side}, and {side.study} has no such network.",
                f"It has {', '.join(study.networks)}; name others in the claim's `against`.",
            )
        return measured


def unit_of(statement: Statement) -> str:
    """Of what a statement measures: `points`, `x` of a ratio, or that of an analysis."""
    if statement.analysis:
        name = statement.measure.partition(".")[2]
        return find_analysis(statement.analysis).measures[name].unit.strip()
    return "x" if statement.measure == "sooner" else "points"


def level_of(study: Study, density: float) -> StudyLevel:
    """The level of a study with this density, a tenth off at most.

    Raises:
        EvidenceError: there is none.
    """
    level = nearest(study.levels, density)
    if level is None:
        raise _no_level(study.name, density, [each.density for each in study.levels])
    return level


def check_densities(claim: Claim, name: str, there: Sequence[float]) -> None:
    """Refuse a claim about tickets that a search of it will not find, before it takes hours.

    Args:
        name: of the search.
        there: the densities of its pruned levels.

    Raises:
        EvidenceError: a density that the claim names is not among them, a tenth off at most.
    """
    for density in claim.densities_of(name):
        if not any(is_near(each, density) for each in there):
            raise _no_level(name, density, there)


def _no_level(name: str, density: float, there: Sequence[float]) -> EvidenceError:
    known = ", ".join(f"{each:.3g}" for each in there)
    return EvidenceError(
        f"{name} has no level of density {density:g}.",
        f"It has {known or 'none'}: name one of these in the claim, or give more levels.",
    )


def _outcome(measured: Measured, statement: Statement) -> Outcome:
    """What a statement compares of some networks, under the name of an accuracy."""
    if statement.measure != "gap":
        return measured.outcome
    gaps = []
    for each in measured.curves:
        if each.train_accuracy is None or bool(each.train_accuracy[-1].isnan()):
            raise EvidenceError(
                f"No training examples were read of {statement.first} and {statement.second}.",
                'Give that study changes = { "training.train_sample" = 10000 }.',
            )
        gaps.append(float(each.train_accuracy[-1] - each.test_accuracy[-1]))
    return replace(measured.outcome, accuracy=tuple(gaps))
