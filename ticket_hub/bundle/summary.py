"""What the evidence of a bundle comes to: a summary and a verdict a level, and the default."""

from __future__ import annotations

import statistics
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ticket_hub.bundle.manifest_records import DefaultTicket, EvidenceSummary, LevelRecord, Spread
from ticket_hub.evidence import Outcome, Rule, Verdict, judge_family
from ticket_hub.evidence.earlier import earlier_word
from ticket_hub.evidence.rule import USUAL
from ticket_hub.evidence.verdict import Judged
from ticket_hub.recipe.experiment_spec import TICKET
from ticket_hub.recipe.own import ACCURACY, Metric
from ticket_hub.types import Word

if TYPE_CHECKING:
    from ticket_hub.bundle.metrics import CurveRecord
    from ticket_hub.training import Curves

__all__ = [
    "WON",
    "beside",
    "cases",
    "choose",
    "family_of",
    "measured",
    "outcomes",
    "shown",
    "stated",
    "verdicts",
]

DENSE = 0
"""The level that is dense."""
WON: Collection[Word | None] = frozenset({"winning", "matching"})
"""The verdicts of a level that is as good as the dense network."""


def outcomes(
    records: Iterable[CurveRecord], trials: Sequence[int], metric: Metric = ACCURACY
) -> dict[tuple[int, str], Outcome]:
    """Level and control -> what was measured at the early stop, trials in their order.

    Only where every trial was measured; a test set that was not read there counts as nothing.
    """
    from ticket_hub.bundle.metrics import outcome_of  # slow: curves need PyTorch

    rows: dict[tuple[int, str], dict[int, Curves]] = {}
    for record in records:
        rows.setdefault((record.level, record.control), {})[record.trial] = record.curves
    found = {}
    for key, row in rows.items():
        if set(row) == set(trials) and all(metric.is_possible(x.accuracy) for x in row.values()):
            curves = [row[trial] for trial in trials]
            found[key] = outcome_of(curves, tickets=[f"trial {trial}" for trial in trials])
    return found


def measured(outcome: Outcome | None, backends: Iterable[str]) -> EvidenceSummary | None:
    """The summary of one level."""
    if outcome is None:
        return None
    return EvidenceSummary(
        n=len(outcome.accuracy),
        test_accuracy=_spread(outcome.accuracy),
        early_stop=_spread(outcome.early_stop),
        backends=tuple(sorted(set(backends))),
        stops_early=outcome.stops_early,
        measured={name: _spread(values) for name, values in outcome.measured.items()},
    )


def _spread(values: Sequence[float] | Sequence[int]) -> Spread:
    exact = [float(value) for value in values]
    return Spread(mean=statistics.mean(exact), min=min(exact), max=max(exact))


def cases(
    found: Mapping[tuple[int, str], Outcome], *, untrained: bool = False
) -> dict[int, Judged]:
    """The levels that can be judged: each ticket, and what was trained beside it.

    Its controls are the dense network of the same search, and those of its level.

    Args:
        untrained: also those of which neither the tickets nor the dense network were trained.
    """
    dense = found.get((DENSE, TICKET))
    if dense is None:
        return {}
    controls: dict[int, dict[str, Outcome]] = {}
    for (level, name), outcome in found.items():
        if level != DENSE and name != TICKET:
            controls.setdefault(level, {})[name] = outcome
    return {
        level: (outcome, {"dense": dense, **controls.get(level, {})})
        for (level, name), outcome in sorted(found.items())
        if level != DENSE and name == TICKET
        if untrained or outcome.is_trained or dense.is_trained
    }


def beside(found: Mapping[tuple[int, str], Outcome]) -> dict[int, tuple[Outcome, tuple[str, ...]]]:
    """The levels with controls of their own in the curves: each ticket, and their names."""
    controls: dict[int, list[str]] = {}
    for level, name in sorted(found):
        if level != DENSE and name != TICKET:
            controls.setdefault(level, []).append(name)
    return {
        level: (found[level, TICKET], tuple(names))
        for level, names in controls.items()
        if (level, TICKET) in found
    }


def verdicts(
    found: Mapping[tuple[int, str], Outcome], rule: Rule = USUAL, *, untrained: bool = False
) -> dict[int, Verdict]:
    """What the evidence in the bundle supports, by level; all levels are one family.

    Args:
        untrained: as in `cases`.
    """
    judged = cases(found, untrained=untrained)
    return dict(zip(judged, judge_family(list(judged.values()), rule), strict=True))


def stated(
    found: Mapping[tuple[int, str], Outcome], family: int, rule: Rule = USUAL
) -> tuple[dict[int, Word], int]:
    """The words that a bundle must state, by level, and how many comparisons they are of.

    Args:
        family: what its manifest says; 0 in bundles that were judged level by level.
    """
    if not family:
        judged = {level: earlier_word(*case) for level, case in cases(found).items()}
        return {level: word for level, word in judged.items() if word is not None}, 0
    full = verdicts(found, rule)
    if family_of(full) != family:  # networks that nobody had trained were once judged, too
        full = verdicts(found, rule, untrained=True)
    words = {level: each.word for level, each in full.items() if each.word is not None}
    return words, family_of(full)


def shown(
    found: Mapping[tuple[int, str], Outcome], family: int, rule: Rule = USUAL
) -> dict[int, Verdict]:
    """The verdicts that a bundle is shown with, by level: those of the rule of its time.

    Args:
        family: as in `stated`.
    """
    words, _ = stated(found, family, rule)
    if family or not words:
        return verdicts(found, rule)
    judged = {level: judge_family([case])[0] for level, case in cases(found).items()}
    return {level: _by_the_earlier_rule(each, words[level]) for level, each in judged.items()}


def _by_the_earlier_rule(verdict: Verdict, word: Word) -> Verdict:
    _, _, numbers = verdict.reason.partition(": ")
    reason = f"{word}, judged at this level alone and at one-sided 5%: {numbers}"
    return replace(verdict, word=word, reason=reason)


def family_of(judged: Mapping[int, Verdict]) -> int:
    """How many comparisons verdicts were corrected for together; 0 where no word is given."""
    return max((each.family for each in judged.values() if each.word), default=0)


def choose(
    levels: Sequence[LevelRecord],
    trial: int,
    metric: Metric = ACCURACY,
    *,
    won: Collection[int] = (),
    untrained: bool = False,
) -> DefaultTicket:
    """The default ticket; see `DefaultTicket` for the rule.

    Args:
        untrained: compare with the dense network even where nobody has trained it, as bundles of
            before do.
        won: the levels that experiments call winning or matching; none for what a manifest states,
            which stays as it is whatever evidence is added to its bundle.
    """
    carried = sorted((level for level in levels if level.tickets), key=lambda level: level.density)
    for level in carried:
        if level.verdict in WON:
            return DefaultTicket(level=level.index, trial=trial, rule="verdict")
        if level.index in won:
            return DefaultTicket(level=level.index, trial=trial, rule="experiment")
    reference = next((each.evidence for each in levels if each.index == DENSE), None)
    if reference is not None and (reference.is_trained or untrained):
        least = metric.gain(reference.test_accuracy.mean) - Rule.of(metric).margin
        for level in carried:
            found = level.evidence
            if found is not None and metric.gain(found.test_accuracy.mean) >= least:
                return DefaultTicket(level=level.index, trial=trial, rule="mean-within-margin")
        return DefaultTicket(level=carried[-1].index, trial=trial, rule="densest")
    return DefaultTicket(level=carried[0].index, trial=trial, rule="sparsest")
