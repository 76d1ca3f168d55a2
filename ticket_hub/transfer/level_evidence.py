"""From results to verdicts, and to a record of evidence that others can read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ticket_hub.bundle import metrics
from ticket_hub.bundle.experiment_record import MAX_CURVES
from ticket_hub.content_id import content_digest
from ticket_hub.evidence import ControlComparison, Outcome, Rule, Verdict, judge_family
from ticket_hub.evidence.counts import budget_note, distinct
from ticket_hub.evidence.rows import mean_of
from ticket_hub.evidence.rule import USUAL
from ticket_hub.recipe.tables import to_table
from ticket_hub.table import finite
from ticket_hub.transfer.result import Result
from ticket_hub.transfer.spec import DENSE, TICKET

__all__ = [
    "FORMAT",
    "LevelEvidence",
    "cut_short_note",
    "judge_experiments",
    "judge_levels",
    "notes_of",
    "outcome_of",
    "outcomes_of",
    "p_values",
    "record",
]

FORMAT = 1
"""Of `evidence.json`."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LevelEvidence:
    """What an experiment says of the tickets of one level.

    Attributes:
        level: which.
        density: kept weights over prunable weights of the whole network, mean over the trials.
        transferred: the same over the layers that came from the ticket.
        results: by control, `ticket` first, in the order of the trials.
        verdict: what they support.
    """

    level: int
    density: float
    transferred: float
    results: Mapping[str, tuple[Result, ...]]
    verdict: Verdict

    @property
    def cut_short(self) -> tuple[str, ...]:
        """The networks of which at least half the trials were still improving at their end."""
        return tuple(
            name
            for name, results in self.results.items()
            if 2 * sum(each.cut_short for each in results) >= len(results)
        )

    @property
    def spans(self) -> str:
        """The confidence of the intervals of differences, such as `95%`."""
        return f"{100 * Rule(margin=self.verdict.margin, alpha=self.verdict.alpha).confidence:g}%"

    def comparison(self, control: str) -> ControlComparison | None:
        """The ticket against one control; None for itself."""
        return next((each for each in self.verdict.comparisons if each.control == control), None)


def cut_short_note(levels: Sequence[LevelEvidence]) -> str:
    """One sentence where networks were still improving when their budget ended; else empty."""
    names = dict.fromkeys(name for level in levels for name in level.cut_short)
    if not names:
        return ""
    return (
        "Still improving when the budget ended, in half of the trials or more: "
        f"{', '.join(names)}. "
        "What is said of them, and the verdict, is about this budget; training.iterations sets it."
    )


def notes_of(
    levels: Sequence[LevelEvidence],
    rule: Rule,
    *,
    test_examples: int | None,
    iterations_in_all: Mapping[str, int],
    start: str = "",
) -> list[str]:
    """What must be known beside the numbers: budgets that ended early or differ, a coarse test.

    Args:
        rule: by what they were judged.
        test_examples: that accuracies are of; None where that is not known.
        iterations_in_all: of each network.
        start: what the tickets begin with, where it is not theta0; see `start_note`.
    """
    notes = (
        start,
        cut_short_note(levels),
        budget_note(iterations_in_all),
        rule.coarse_note(test_examples),
    )
    return [note for note in notes if note]


def judge_levels(results: Iterable[Result], rule: Rule = USUAL) -> list[LevelEvidence]:
    """Judge all levels as one family by their controls and the dense networks, sparser last.

    Raises:
        EvidenceError: a control lacks a trial, or a reading is not finite.
    """
    (levels,) = judge_experiments([results], rule)
    return levels


def judge_experiments(
    experiments: Iterable[Iterable[Result]], rule: Rule = USUAL
) -> list[list[LevelEvidence]]:
    """Judge several experiments, such as the cells of a matrix, as one family.

    Raises:
        EvidenceError: as `judge_levels`.
    """
    grouped = [_by_level(results) for results in experiments]
    cases = [
        outcomes_of(group) for groups in grouped for group in groups.values() if TICKET in group
    ]
    verdicts = iter(
        judge_family(
            [
                (case[TICKET], {name: each for name, each in case.items() if name != TICKET})
                for case in cases
            ],
            rule,
        )
    )
    return [
        [
            _evidence(level, group, next(verdicts))
            for level, group in groups.items()
            if TICKET in group
        ]
        for groups in grouped
    ]


def p_values(levels: Sequence[LevelEvidence]) -> tuple[float, ...]:
    """The p-value of each comparison before any correction, as a family takes it."""
    return tuple(
        min(each.p_uncorrected, each.p_worse_uncorrected)
        for level in levels
        for each in level.verdict.comparisons
    )


def _by_level(results: Iterable[Result]) -> dict[int, dict[str, list[Result]]]:
    """The results of each level by their networks, the dense one at each, sparser levels last."""
    groups: dict[int, dict[str, list[Result]]] = {}
    # Pairs are formed by place: the networks of one trial stand at one place of every list.
    for result in sorted(results, key=lambda each: (each.trial, each.draw)):
        groups.setdefault(result.level, {}).setdefault(result.control, []).append(result)
    dense = groups.get(0, {}).get(DENSE, [])
    return {
        level: group | ({DENSE: dense} if dense else {}) for level, group in sorted(groups.items())
    }


def _evidence(level: int, group: Mapping[str, Sequence[Result]], verdict: Verdict) -> LevelEvidence:
    tickets = group[TICKET]
    return LevelEvidence(
        level=level,
        density=sum(each.density for each in tickets) / len(tickets),
        transferred=sum(each.transferred for each in tickets) / len(tickets),
        results={TICKET: tuple(tickets)}
        | {name: tuple(some) for name, some in group.items() if name != TICKET},
        verdict=verdict,
    )


def outcomes_of(group: Mapping[str, Sequence[Result]]) -> dict[str, Outcome]:
    """By control. Where one does not say what it began with, all readings of each stand for it."""
    # Results that were written before starts were do not say it.
    known = all(each.start for results in group.values() for each in results)
    return {
        control: outcome_of(results, None if known else tuple(map(_readings, results)))
        for control, results in group.items()
    }


def _readings(result: Result) -> str:
    """A digest of the whole curves, which two networks hardly ever share bit for bit."""
    found = vars(result.curves).items()
    return content_digest(
        {name: each for name, each in found if name != "measured" and each is not None}
    )


def outcome_of(results: Sequence[Result], starts: Sequence[str] | None = None) -> Outcome:
    """What was measured of one kind of network, in the order of the trials, draws averaged.

    Args:
        starts: what stands for the digests of what each began with.
    """
    if starts is None:
        starts = tuple(each.start for each in results)
    found = metrics.outcome_of(
        [each.curves for each in results],
        tickets=[each.ticket for each in results],
        starts=tuple(starts) if all(starts) else (),
    )
    return found.averaged([each.trial for each in results])


def record(
    levels: Sequence[LevelEvidence],
    header: Mapping[str, Any],
    about: Mapping[str, Any],
    rule: Rule = USUAL,
) -> dict[str, Any]:
    """The evidence as plain JSON values: a function of results alone, without a time.

    Args:
        header: of the experiment's folder.
        about: who ran it, in which environment, on which bundle.
        rule: by what it was judged, with the comparisons of other cells where there are any.
    """
    experiment = {key: header[key] for key in ("digest", "spec", "data")}
    table = {"format": FORMAT, "experiment": experiment, "rule": rule.to_table(), **about}
    many = sum(len(results) for each in levels for results in each.results.values()) > MAX_CURVES
    table["levels"] = [_level(each, with_curves=not many) for each in levels]
    return {key: finite(value) for key, value in table.items()}


def _level(level: LevelEvidence, *, with_curves: bool) -> dict[str, Any]:
    return {
        "level": level.level,
        "density": level.density,
        "transferred_density": level.transferred,
        "head": level.results[TICKET][0].head,
        "verdict": to_table(level.verdict),
        "networks": {
            name: _network(results)
            | (
                {"curves": [to_table(metrics.thinned(each.curves)) for each in results]}
                if with_curves
                else {}
            )
            for name, results in level.results.items()
        },
    }


def _network(results: Sequence[Result]) -> dict[str, Any]:
    outcome = outcome_of(results)
    return {
        "tickets": distinct([each.ticket for each in results]),
        "test_accuracy": to_table(mean_of(outcome.accuracy)),
        "early_stop": to_table(mean_of(outcome.early_stop)),
        "trials": [
            {
                "trial": each.trial,
                "origin": each.origin,
                "ticket": each.ticket,
                "order_seed": each.order_seed,
                "seed": each.seed,
                "kept": each.kept,
                "prunable": each.prunable,
                "backend": each.backend,
                "test_accuracy": each.accuracy,
                "early_stop": each.early_stop,
                # Keys that came later are left out where they say nothing: records of older results
                # stay as they are.
                **({"draw": each.draw} if each.draw else {}),
                **({"start": each.start} if each.start else {}),
                **({} if each.curves.stops_early else {"stops_early": False}),
                **({"measured": dict(each.curves.measured)} if each.curves.measured else {}),
            }
            for each in results
        ],
    }
