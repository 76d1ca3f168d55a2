"""A comparison as plain JSON values, format 1: the command and the service answer with the same."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ticket_hub.comparison.ladder import Measured
from ticket_hub.comparison.studies import Study, StudyLevel
from ticket_hub.evidence.contrasts import ContrastInterval
from ticket_hub.evidence.rows import Mean, mean_of
from ticket_hub.evidence.statistics import Difference, Ratio

if TYPE_CHECKING:
    from ticket_hub.comparison.compared import Between, Compared

__all__ = ["FORMAT", "plain"]

FORMAT = 1


def plain(compared: Compared) -> dict[str, Any]:
    """The comparison, with null where a bound or a value is not known.

    The page of the command, `docs/commands/compare.md`, specifies every key. Keys may be added
    within a format; none changes its meaning.
    """
    return {
        "format": FORMAT,
        "fair": compared.fair,
        "margin": compared.rule.margin,
        "alpha": compared.rule.alpha,
        "family": compared.family,
        "differing": [
            {"term": term.name, "values": dict(term.values)} for term in compared.differing
        ],
        "runs": [
            {
                "label": label,
                "name": study.name,
                "kind": study.kind,
                "id": study.id,
                "about": study.about,
                "test_examples": study.test_examples,
                "terms": dict(study.terms),
                "dense": None if study.dense is None else _measured(study.dense),
                "levels": [_level(level, study) for level in study.levels],
            }
            for label, study in compared.studies.items()
        ],
        "between": [_between(each) for each in compared.between],
    }


def _level(level: StudyLevel, study: Study) -> dict[str, Any]:
    comparisons = level.verdict.comparisons if level.verdict else ()
    return {
        "level": level.level,
        "density": level.ticket.density,
        "verdict": None if level.verdict is None else level.verdict.summary(),
        "networks": {name: _measured(each) for name, each in level.networks.items()},
        "differences": [
            {
                "control": each.control,
                "pairing": study.pairing(level, each.control),
                "method": each.difference.method,
                "n": each.difference.n,
                "test_accuracy": _bounds(each.difference),
                "sooner": _bounds(each.speed),
                "p": each.p,
                "p_worse": each.p_worse,
                "p_uncorrected": each.p_uncorrected,
                "p_worse_uncorrected": each.p_worse_uncorrected,
                "holds": each.holds,
                "worse": each.worse,
                "identical": each.identical,
            }
            for each in comparisons
        ],
    }


def _measured(measured: Measured) -> dict[str, Any]:
    outcome = measured.outcome
    return {
        "density": measured.density,
        "n": measured.n,
        "tickets": measured.tickets,
        "test_accuracy": _bounds(mean_of(outcome.accuracy)),
        "early_stop": _bounds(mean_of(outcome.early_stop)),
        **({} if outcome.stops_early else {"stops_early": False}),
        "trials": [
            {"test_accuracy": accuracy, "early_stop": stop}
            for accuracy, stop in zip(outcome.accuracy, outcome.early_stop, strict=True)
        ],
    }


def _between(each: Between) -> dict[str, Any]:
    found = each.contrast
    return {
        "run": each.label,
        "network": each.network,
        "level": each.level,
        "first_level": each.first_level,
        "density": each.density,
        "first_density": each.first_density,
        "pairing": found.pairing,
        "reason": each.reason,
        "method": found.method,
        "n": found.n,
        "first_n": found.n_other,
        "tickets": found.tickets,
        "first_tickets": found.tickets_other,
        "test_accuracy": _bounds(found.accuracy),
        "sooner": _bounds(found.sooner),
    }


def _bounds(found: Mean | Difference | Ratio | ContrastInterval) -> dict[str, float | None]:
    """Mean and 95% interval; of a ratio the lower bound is 0 where neither is known."""
    known = math.isfinite(found.low) and math.isfinite(found.high)
    low, high = (found.low, found.high) if known else (None, None)
    return {"mean": found.mean, "low": low, "high": high}
