"""What a report says of a bundle: the ladder of its evidence, its facts, and what they show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ticket_hub.bundle import Bundle, Manifest
from ticket_hub.bundle.metrics import outcome_of
from ticket_hub.comparison.ladder import Measured, MeasuredLadder, Series
from ticket_hub.errors import EvidenceError
from ticket_hub.evidence.rule import Rule
from ticket_hub.evidence.statistics import MIN_TRIALS
from ticket_hub.evidence.verdict import ALPHA
from ticket_hub.recipe.experiment_spec import DENSE, TICKET
from ticket_hub.training import Curves

__all__ = ["ReportSubject", "subject"]


@dataclass(frozen=True, kw_only=True, eq=False)
class ReportSubject:
    """What a report is about.

    Attributes:
        ladder: the measurements.
        facts: what names the tickets and where they come from: title -> text.
        recipe: the whole recipe as TOML.
        notes: what the evidence shows and does not show, one sentence each.
    """

    ladder: MeasuredLadder
    facts: Mapping[str, str] = field(default_factory=dict)
    recipe: str = ""
    notes: Sequence[str] = ()


def subject(bundle: Bundle) -> ReportSubject:
    """Everything that a report shows of a bundle.

    Raises:
        BundleError: its evidence breaks the format or is not what the manifest says.
        EvidenceError: nothing was measured.
    """
    manifest = bundle.manifest
    # The ticket and its controls, the ticket first and the others by name.
    found: dict[str, dict[int, dict[int, Curves]]] = {}
    for record in bundle.curves():
        trials = found.setdefault(record.control, {}).setdefault(record.level, {})
        trials[record.trial] = record.curves
    series = [
        Series(
            name=name,
            rungs=tuple(
                _measured(bundle.manifest, name, level, dict(sorted(trials.items())))
                for level, trials in sorted(found[name].items())
            ),
        )
        for name in sorted(found, key=lambda name: (name != TICKET, name))
    ]
    if not series:
        raise EvidenceError(
            f"The bundle in {bundle.path} has no measurements.",
            "Train its tickets with `ticket retrain`, or report the run it was found in.",
        )
    return ReportSubject(
        ladder=MeasuredLadder(
            title=f"{manifest.architecture.name} on {manifest.data.name}",
            series=tuple(each for each in series if each.name != DENSE),
            dense=_dense(series),
        ),
        facts=_facts(bundle),
        recipe=manifest.recipe.to_toml(),
        notes=_notes(manifest, [each.name for each in series]),
    )


def _measured(manifest: Manifest, name: str, level: int, trials: Mapping[int, Curves]) -> Measured:
    record = manifest.level(level)
    assert record is not None, "an open bundle has no curves of other levels"
    return Measured(
        level=level,
        density=record.density,
        outcome=outcome_of([*trials.values()], tickets=[f"trial {trial}" for trial in trials]),
        curves=tuple(trials.values()),
        verdict=(record.verdict or "") if name == TICKET else "",
        metric=manifest.metric,
    )


def _dense(series: Iterable[Series]) -> Measured | None:
    """The network before pruning: level 0 of the search, or the control of that name."""
    for each in series:
        for rung in each.rungs:
            if each.name == DENSE or (each.name == TICKET and rung.density == 1):
                return rung
    return None


def _facts(bundle: Bundle) -> dict[str, str]:
    manifest, default = bundle.manifest, bundle.default
    seeds = [trial.seed for trial in manifest.trials]
    known = "not known" if None in seeds else ", ".join(map(str, seeds))
    return {
        "bundle": manifest.id,
        "network": manifest.architecture.name,
        "prunable weights": f"{manifest.prunable:,}",
        "data": f"{manifest.data.name} (fingerprint {manifest.data.fingerprint or 'not known'})",
        "recipe": f"{manifest.recipe.name} (digest {manifest.recipe.digest})",
        "trials": f"{len(manifest.trials)} (seeds {known})",
        "default ticket": f"level {default.level}, trial {default.trial} (by {default.rule})",
        **{key.replace("_", " "): value for key, value in sorted(manifest.environment.items())},
    }


def _notes(manifest: Manifest, names: Sequence[str]) -> list[str]:
    """What the evidence shows, and what it cannot show."""
    notes = []
    if any(level.verdict for level in manifest.levels):
        corrected = (
            f"one false word in {1 / ALPHA:g} such searches; they are corrected for the "
            f"{manifest.family} comparisons of all levels together"
            if manifest.family
            else "at each level one false claim in 20; they are not corrected for the number of "
            "levels"
        )
        metric = manifest.metric
        allowed = metric.amount(Rule.of(metric).margin)
        worse = "below" if metric.is_accuracy else f"of {metric.name} worse than"
        notes.append(f"Verdicts allow {allowed} {worse} the dense network, and {corrected}.")
    if len(manifest.trials) < MIN_TRIALS:
        notes.append(f"Fewer than {MIN_TRIALS} trials: no verdict is given.")
    if not set(names) - {TICKET, DENSE}:
        notes.append(
            "No control was trained beside these tickets, so this does not show that their "
            "initial weights matter: for that, retrain them against reinit."
        )
    if manifest.bit_exact is None:
        notes.append("It was imported, so its search cannot be repeated exactly.")
    elif not manifest.bit_exact:
        notes.append("The search went on in another environment, so it cannot be repeated exactly.")
    return notes
