"""What a bundle says, as plain values: read from its manifest and its curves, nothing believed.

Means, intervals and verdicts are computed here from the curves, by the same functions that the
command line uses; what the manifest states of them is not used. torch is imported by the functions
that read: they run in a process beside the service (`ticket_hub_api.torch_process`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ticket_hub.bundle.layout import MANIFEST, METRICS
from ticket_hub.errors import BundleFormatError
from ticket_hub.recipe.own import is_trained
from ticket_hub.table import finite

if TYPE_CHECKING:
    from ticket_hub.bundle.cost_record import CostRecord
    from ticket_hub.bundle.manifest import Manifest
    from ticket_hub.bundle.manifest_records import DefaultTicket, LevelRecord, Spread
    from ticket_hub.evidence import Outcome, Verdict
    from ticket_hub.recipe.own import Metric

__all__ = ["MANIFEST", "MAX_METRICS_BYTES", "METRICS", "facts_of", "judged", "lines", "of_trained"]

MAX_METRICS_BYTES = 256 << 20
"""Of a `metrics.json` that is read."""
_MAX_LINE = 4 << 20

Outcomes = Mapping[tuple[int, str], "Outcome"]


def facts_of(
    manifest: Manifest,
    curves: Iterable[bytes] | None,
    experiments: Iterable[Mapping[str, Any]] = (),
    costs: Sequence[CostRecord] = (),
    won: Collection[int] = (),
) -> dict[str, Any]:
    """Everything that the catalog shows of a bundle, as JSON values; no number is infinite.

    Args:
        curves: the lines of `metrics.json`; None where they are too many, or elsewhere. Then what
            the manifest states is given, and `checked` is False.
        costs: what its tickets were measured to cost.
        experiments: evidence that the bundle brings along; see `evidence_records.CheckedEvidence`.
        won: the levels that this evidence calls winning or matching.

    Raises:
        BundleFormatError: the curves break the format.
    """
    from ticket_hub.bundle.cost_record import listed_cost
    from ticket_hub.bundle.summary import shown
    from ticket_hub.evidence import Rule
    from ticket_hub.recipe.tables import to_table

    metric = manifest.metric
    outcomes = None if curves is None else _outcomes(manifest, curves)
    judged = {} if outcomes is None else shown(outcomes, manifest.family, Rule.of(metric))
    table = to_table(manifest)
    table["default"] = to_table(_default(manifest, outcomes, judged, won))
    kept = ("architecture", "data", "default", "environment", "layers", "lineage", "recipe",
            "bit_exact", "theta0", "trials", "id")  # fmt: skip
    facts = {name: table[name] for name in kept}
    facts["recipe_digest"] = manifest.recipe.digest
    facts["checked"] = outcomes is not None
    facts["disagrees"] = [] if outcomes is None else list(_disagreements(manifest, outcomes))
    facts["prunable"] = manifest.prunable
    facts["levels"] = [_level(manifest, level, outcomes, judged) for level in manifest.levels]
    facts["metric"] = to_table(metric) | {"label": metric.label}
    facts["default"] |= _value(facts["levels"], facts["default"]["level"], metric)
    facts["experiments"] = list(experiments)
    facts["costs"] = [to_table(each) | {"where": each.where} for each in costs]
    cost = listed_cost(costs, facts["default"]["level"])
    facts["cost"] = None if cost is None else to_table(cost)
    facts["files"] = {
        name: {"sha256": record.sha256, "size": record.size}
        for name, record in sorted(manifest.files.items())
    }
    found: dict[str, Any] = finite(facts)
    return found


def _outcomes(manifest: Manifest, curves: Iterable[bytes]) -> Outcomes:
    from ticket_hub.bundle.metrics import parse_lines
    from ticket_hub.bundle.summary import outcomes

    trials = [trial.index for trial in manifest.trials]
    return outcomes(parse_lines(curves), trials, manifest.metric)


def _value(
    levels: Sequence[Mapping[str, Any]], default: int, metric: Metric
) -> dict[str, float | bool | None]:
    """What the level that is meant came to; turned so that more is better; if it was trained."""
    (evidence,) = (each["evidence"] for each in levels if each["level"] == default)
    if not evidence:
        return {"value": None, "rank": None, "trained": True}
    value = evidence["test_accuracy"]["mean"]
    return {"value": value, "rank": metric.gain(value), "trained": of_trained(evidence)}


def of_trained(evidence: Mapping[str, Any]) -> bool:
    """Whether a level's `Measurement` is of trained networks."""
    stops_early = evidence.get("stops_early", True)
    return is_trained(evidence["early_stop"]["mean"], stops_early=stops_early)


def _default(
    manifest: Manifest,
    found: Outcomes | None,
    verdicts: Mapping[int, Verdict],
    won: Collection[int],
) -> DefaultTicket:
    """The ticket that is meant where no level is named, by the verdicts that the curves support."""
    from ticket_hub.bundle import summary

    levels = (
        manifest.levels
        if found is None
        else [
            replace(
                level,
                evidence=summary.measured(found.get((level.index, "ticket")), ()),
                verdict=verdicts[level.index].word if level.index in verdicts else None,
            )
            for level in manifest.levels
        ]
    )
    return summary.choose(levels, manifest.default.trial, manifest.metric, won=won)


def _disagreements(manifest: Manifest, found: Outcomes) -> Iterator[int]:
    """Levels of which the manifest says something else than the curves, by its own rule."""
    from ticket_hub.bundle import summary
    from ticket_hub.evidence import Rule

    words, _ = summary.stated(found, manifest.family, Rule.of(manifest.metric))
    for level in manifest.levels:
        evidence = level.evidence
        backends = evidence.backends if evidence else ()
        measured = summary.measured(found.get((level.index, "ticket")), backends)
        if (evidence, level.verdict) != (measured, words.get(level.index)):
            yield level.index


def _level(
    manifest: Manifest,
    level: LevelRecord,
    found: Outcomes | None,
    verdicts: Mapping[int, Verdict],
) -> dict[str, Any]:
    stated = level.verdict
    sizes = [layer.size for layer in manifest.layers]
    kept = [ticket.kept for ticket in level.tickets]
    table: dict[str, Any] = {
        "level": level.index,
        "density": level.density,
        "carried": bool(level.tickets),
        "tickets": {str(ticket.trial): ticket.id for ticket in level.tickets},
        "kept": {str(ticket.trial): ticket.kept for ticket in level.tickets},
        # Mean densities over the trials; none where the level is not carried.
        "layers": [
            sum(counts[place] for counts in kept) / (len(kept) * size)
            for place, size in enumerate(sizes if kept else ())
        ],
    }
    if found is None:
        evidence = None if level.evidence is None else _stated(level)
        return {**table, "evidence": evidence, "controls": {}, "verdict": stated, "reason": "",
                "family": manifest.family}  # fmt: skip
    return table | _judged(level.index, found, verdicts.get(level.index))


def _stated(level: LevelRecord) -> dict[str, Any]:
    evidence = level.evidence
    assert evidence is not None
    return {
        "n": evidence.n,
        "tickets": evidence.n,
        "test_accuracy": _stated_spread(evidence.test_accuracy),
        "early_stop": _stated_spread(evidence.early_stop),
        **_own_facts(
            {name: _stated_spread(each) for name, each in evidence.measured.items()},
            stops_early=evidence.stops_early,
        ),
    }


def _stated_spread(spread: Spread) -> dict[str, float | None]:
    return {"mean": spread.mean, "min": spread.min, "max": spread.max, "low": None, "high": None}


def _own_facts(measured: Mapping[str, Any], *, stops_early: bool) -> dict[str, Any]:
    """What an author's own loop says more than others, where it does."""
    return ({"measured": dict(measured)} if measured else {}) | (
        {} if stops_early else {"stops_early": False}
    )


def _judged(level: int, found: Outcomes, verdict: Verdict | None) -> dict[str, Any]:
    """Evidence, controls and verdict of one level, from the curves."""
    here = {control: outcome for (at, control), outcome in found.items() if at == level}
    ticket, dense = here.pop("ticket", None), found.get((0, "ticket"))
    if ticket is None:
        return {"evidence": None, "controls": {}, "verdict": None, "reason": "", "family": 0}
    controls = {"dense": dense, **here} if level and dense is not None else here
    return judged(ticket, controls, verdict)


def judged(
    ticket: Outcome, controls: Mapping[str, Outcome], verdict: Verdict | None
) -> dict[str, Any]:
    """Evidence, controls and verdict of a ticket; `verdict` is None where none was made."""
    return {
        "evidence": _measured(ticket),
        "controls": {
            name: _measured(outcome) | _against(name, verdict) for name, outcome in controls.items()
        },
        "verdict": verdict.word if verdict else None,
        "reason": verdict.reason if verdict else "",
        "family": verdict.family if verdict else 0,
    }


def _measured(outcome: Outcome) -> dict[str, Any]:
    from ticket_hub.evidence.counts import distinct

    return {
        "n": len(outcome.accuracy),
        "tickets": distinct(outcome.tickets),
        "test_accuracy": _spread(outcome.accuracy),
        "early_stop": _spread([float(stop) for stop in outcome.early_stop]),
        **_own_facts(
            {name: _spread(values) for name, values in outcome.measured.items()},
            stops_early=outcome.stops_early,
        ),
    }


def _spread(values: Sequence[float]) -> dict[str, float]:
    """Mean, range, and the 95% interval of the mean."""
    from ticket_hub.evidence import paired_difference

    found = paired_difference(values, [0.0] * len(values))
    bounds = {"low": found.low, "high": found.high}
    return {"mean": found.mean, "min": min(values), "max": max(values), **bounds}


def _against(control: str, verdict: Verdict | None) -> dict[str, Any]:
    """The ticket minus this control, paired, with its 95% interval."""
    each = next((c for c in verdict.comparisons if c.control == control), None) if verdict else None
    if each is None:
        return {}
    gain = {name: getattr(each.difference, name) for name in ("mean", "low", "high")}
    same = ("p", "p_worse", "p_uncorrected", "p_worse_uncorrected", "holds", "worse", "identical")
    return {"gain": gain} | {name: getattr(each, name) for name in same}


def lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Pieces of a file as its lines, each with its newline.

    Raises:
        BundleFormatError: a line is longer than 4 MiB.
    """
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        if len(rest) > _MAX_LINE:
            raise BundleFormatError(f"{METRICS} has a line over 4 MiB.", "Write it again.")
        for line in whole:
            yield line + b"\n"
    if rest:
        yield rest
