"""The verdict on a ticket at one level: what its evidence supports, and nothing more.

A ticket is

- `winning` when it is not inferior to the dense network and beats its own random
  reinitialization: the two halves of the lottery ticket hypothesis (Frankle & Carbin 2019);
- `matching` when it is not inferior to the dense network, and does not, or was not tried to,
  beat its reinitialization;
- `losing` when it is worse than the dense network, or than its reinitialization;
- `not distinguishable` when the trials do not decide.

Of controls that take something away, the claim is that the ticket is better. Of `REFERENCES`, which
are what somebody would use instead of the ticket, it is that the ticket is not inferior.

Everything that was asked for in one command, controls by levels by cells, is one family: see
`ticket_hub.evidence.family`. The chance of any false word in it, `better` or `worse`, is at most
alpha. A word is never given where the interval beside it speaks against it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np

from ticket_hub.errors import EvidenceError, RecipeError
from ticket_hub.evidence.counts import count_text, distinct, drawn_text
from ticket_hub.evidence.family import Decisions, decide
from ticket_hub.evidence.statistics import (
    MIN_TRIALS,
    Difference,
    Ratio,
    paired_difference,
    paired_ratio,
    trials_needed,
)
from ticket_hub.recipe.own import ACCURACY, MARGIN, Metric
from ticket_hub.recipe.spec import LATER
from ticket_hub.types import Word

__all__ = [
    "ALPHA",
    "MARGIN",
    "REFERENCES",
    "ControlComparison",
    "Judged",
    "Outcome",
    "Rule",
    "Verdict",
    "judge",
    "judge_family",
    "word_of",
]

ALPHA = 0.05
"""Chance of any false word in a family; one-sided half of it for a single test."""
MAX_ALPHA, MAX_MARGIN = 0.5, 0.2
REFERENCES = frozenset({"dense", "dense-pretrained", "finetune", "own"})
"""Controls that a ticket need not beat; it must not be inferior to them by more than the margin."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """By what a family is judged.

    Attributes:
        margin: how far below a reference still is not inferior, as a fraction: 0.002 is 0.2 points;
            of another metric than accuracy in its own unit.
        alpha: chance of any false word in the family.
        beside: p-values (the smaller of both directions, doubled) of comparisons that were asked
            for in the same command and are judged elsewhere, as the other cells of a matrix.
        metric: what was measured.
    """

    margin: float = MARGIN
    alpha: float = ALPHA
    beside: tuple[float, ...] = ()
    metric: Metric = ACCURACY

    def to_table(self) -> dict[str, Any]:
        """Plain values, without the metric: that is said where the measurements are."""
        return {"margin": self.margin, "alpha": self.alpha, "beside": list(self.beside)}

    def check(self) -> None:
        """Refuse what cannot be.

        Raises:
            RecipeError: a margin below 0 or above 20 points, or an alpha outside (0, 0.5].
        """
        if not self.metric.is_accuracy:
            replace(self.metric, margin=self.margin)  # which refuses what cannot be
        elif not 0 <= self.margin <= MAX_MARGIN:
            raise RecipeError(
                f"The margin cannot be {self.margin:g}.",
                f"It is a fraction from 0 to {MAX_MARGIN:g}: 0.002 is 0.2 points of accuracy.",
            )
        if not 0 < self.alpha <= MAX_ALPHA:
            raise RecipeError(
                f"Alpha cannot be {self.alpha:g}.",
                f"It is the chance of a false word, above 0 and at most {MAX_ALPHA:g}: 0.05.",
            )

    def coarse_note(self, test_examples: int | None, *, about: str = "") -> str:
        """A warning where one test example weighs more than half of the margin; else empty.

        Args:
            test_examples: how many there are; None where that is not known.
            about: the data set, where it is not clear.
        """
        if not test_examples or not self.metric.is_accuracy or 1 / test_examples <= self.margin / 2:
            return ""
        where = f" of {about}" if about else ""
        return (
            f"One of the {test_examples:,} test examples{where} is {100 / test_examples:.2g} "
            f"points of accuracy, more than half of the margin of {100 * self.margin:g} points: "
            "what is not inferior by so little cannot be measured well here."
        )

    @property
    def confidence(self) -> float:
        """Of the intervals of differences: 95%, less where alpha asks for more daring words."""
        return min(1 - ALPHA, 1 - self.alpha)


USUAL = Rule()


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What was measured of one ticket or control, in the order of the trials.

    Attributes:
        accuracy: on the test set at the early stop, in [0, 1]; of a rule with another metric its
            values.
        early_stop: the iteration of the early stop.
        stops_early: False of an author's own loop that read no validation loss: `early_stop` is
            then its last iteration.
        measured: other numbers of each trial that an author's own loop gave, by its names.
        starts: digests of what each network began with; empty where that is not known.
        tickets: of which ticket each trial is, by any name; empty where that is not known.
        draws: how many networks each value is the mean of: a control that was drawn several times
            for every ticket; see `averaged`.
    """

    accuracy: Sequence[float]
    early_stop: Sequence[int] | Sequence[float]
    starts: Sequence[str] = ()
    tickets: Sequence[str] = ()
    stops_early: bool = True
    measured: Mapping[str, Sequence[float]] = field(default_factory=dict)
    draws: int = 1

    def averaged(self, trials: Sequence[int]) -> Outcome:
        """The same with the draws of each trial averaged, so that n counts trials.

        Several draws of a control for one ticket share that ticket, and are no further trials. With
        as many draws for each ticket, the paired t-test of the tickets' means is the exact test of
        the mixed model in which tickets are random and draws are nested in them; n x m pairs would
        take the draws' agreement for knowledge about tickets. Early stops are compared as ratios,
        and their mean is geometric.

        Args:
            trials: of each value, which repetition.

        Raises:
            EvidenceError: a trial has more draws than another.
        """
        places: dict[int, list[int]] = {}
        for place, trial in enumerate(trials):
            places.setdefault(trial, []).append(place)
        draws = {len(each) for each in places.values()}
        if draws == {1} or not places:
            return self
        if len(draws) > 1:
            raise EvidenceError(
                "A control was not drawn equally often for each ticket.",
                "The same command again trains what is missing.",
            )

        def mean(values: Sequence[float]) -> tuple[float, ...]:
            """The mean of some values over the runs of each ticket."""
            return tuple(float(np.mean([values[at] for at in each])) for each in places.values())

        stops = mean([math.log(max(stop, 1)) for stop in self.early_stop])
        firsts = [each[0] for each in places.values()]
        return replace(
            self,
            accuracy=mean(self.accuracy),
            early_stop=tuple(map(math.exp, stops)),
            starts=tuple("+".join(self.starts[at] for at in each) for each in places.values())
            if self.starts
            else (),
            tickets=tuple(self.tickets[at] for at in firsts) if self.tickets else (),
            measured={name: mean(values) for name, values in self.measured.items()},
            draws=draws.pop(),
        )


@dataclass(frozen=True, kw_only=True)
class ControlComparison:
    """A ticket against one control.

    Attributes:
        control: `dense`, `reinit`, `shuffle`, ...
        difference: accuracy of the ticket minus the control's; of a metric that is better when it
            is lower the other way round, so that more is better for the ticket.
        speed: early-stop iteration of the control over the ticket's; above 1 is sooner.
        p: of the claim, doubled and adjusted by Holm over the family: that the ticket is not
            inferior (`REFERENCES`), or better (any other).
        p_worse: of the opposite claim, that the ticket is worse, adjusted likewise.
        p_uncorrected, p_worse_uncorrected: the same before Holm's correction.
        holds: whether the claim is made.
        worse: whether the opposite is.
        only_alone: whether one of both would be made without the correction, and is not.
        identical: whether the control's networks are the ticket's own: they begin with the same
            weights and the same mask in every trial, and there is nothing to compare.
        draws: networks of the control for each of the ticket's, averaged before anything else.
    """

    control: str
    difference: Difference
    speed: Ratio
    p: float
    p_worse: float
    p_uncorrected: float
    p_worse_uncorrected: float
    holds: bool
    worse: bool
    only_alone: bool = False
    identical: bool = False
    draws: int = field(default=1, metadata=LATER)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the evidence supports.

    Attributes:
        word: None where there are too few trials, or no dense network to compare with.
        reason: one sentence with the numbers.
        n: number of trials.
        tickets: how many different tickets they are of; None where that is not known.
        margin: of non-inferiority, as a fraction.
        alpha: chance of any false word in the family.
        family: how many comparisons are corrected for together.
        comparisons: one for each control.
        trials_needed: how many trials would decide, for the effect seen; None where the verdict
            is decided or no number of trials would do.
    """

    word: Word | None
    reason: str
    n: int
    tickets: int | None
    margin: float
    alpha: float
    family: int
    comparisons: tuple[ControlComparison, ...]
    trials_needed: int | None


Judged: TypeAlias = tuple[Outcome, Mapping[str, Outcome]]
"""A ticket at one level, and its controls by name."""


def judge(
    ticket: Outcome,
    controls: Mapping[str, Outcome],
    *,
    margin: float = MARGIN,
    alpha: float = ALPHA,
) -> Verdict:
    """Judge one ticket by its controls, as a family of its own.

    Raises:
        EvidenceError: a control has other trials than the ticket, or a value is not finite.
    """
    return judge_family([(ticket, controls)], Rule(margin=margin, alpha=alpha))[0]


def judge_family(cases: Sequence[Judged], rule: Rule = USUAL) -> list[Verdict]:
    """Judge all that was asked for in one command: a verdict for each ticket, in their order.

    Raises:
        EvidenceError: a control has other trials than its ticket, or a value is not finite.
    """
    claims, plain = [], []
    for ticket, controls in cases:
        if not len(ticket.accuracy):
            raise EvidenceError("There is no trial to judge.", "Train at least three.")
        for name, control in controls.items():
            values = _gains(ticket, rule.metric), _gains(control, rule.metric)
            shift = -rule.margin if name in REFERENCES else 0.0
            claims.append(paired_difference(*values, shift=shift, bounds=False))
            plain.append(paired_difference(*values, confidence=rule.confidence))
    decided = decide(
        np.array([each.p_greater for each in claims], dtype=np.float64),
        np.array([each.p_less for each in plain], dtype=np.float64),
        alpha=rule.alpha,
        beside=np.array(rule.beside, dtype=np.float64),
    )
    verdicts, first = [], 0
    for ticket, controls in cases:
        places = range(first, first := first + len(controls))
        comparisons = tuple(
            _comparison(ticket, name, control, plain[place], decided, place, rule)
            for place, (name, control) in zip(places, controls.items(), strict=True)
        )
        verdicts.append(_verdict(ticket, comparisons, rule, len(plain) + len(rule.beside)))
    return verdicts


def _gains(outcome: Outcome, metric: Metric) -> list[float]:
    return [metric.gain(value) for value in outcome.accuracy]


def _comparison(  # noqa: PLR0917 - made in one place
    ticket: Outcome,
    name: str,
    control: Outcome,
    difference: Difference,
    decided: Decisions,
    place: int,
    rule: Rule,
) -> ControlComparison:
    least = -rule.margin if name in REFERENCES else 0.0
    enough = difference.n >= MIN_TRIALS
    # A bootstrapped interval is not the t-test's: where they disagree, there is no word.
    can_hold, can_be_worse = enough and difference.low > least, enough and difference.high < 0
    holds, worse = bool(decided.holds[place]), bool(decided.worse[place])
    alone = decided.p[place] <= rule.alpha, decided.p_worse[place] <= rule.alpha
    return ControlComparison(
        control=name,
        difference=difference,
        speed=paired_ratio(control.early_stop, ticket.early_stop),
        p=float(decided.corrected[place]),
        p_worse=float(decided.corrected_worse[place]),
        p_uncorrected=float(decided.p[place]),
        p_worse_uncorrected=float(decided.p_worse[place]),
        holds=holds and can_hold,
        worse=worse and can_be_worse,
        only_alone=not (holds or worse)
        and ((bool(alone[0]) and can_hold) or (bool(alone[1]) and can_be_worse)),
        identical=_identical(ticket, control),
        draws=control.draws,
    )


def _identical(ticket: Outcome, control: Outcome) -> bool:
    """By what they began with; equal numbers alone may be luck, or two networks that died."""
    pairs = zip(
        (ticket.starts, ticket.accuracy, ticket.early_stop),
        (control.starts, control.accuracy, control.early_stop),
        strict=True,
    )
    return len(ticket.starts) > 0 and all(list(one) == list(other) for one, other in pairs)


def _verdict(
    ticket: Outcome, comparisons: tuple[ControlComparison, ...], rule: Rule, family: int
) -> Verdict:
    n, tickets = len(ticket.accuracy), distinct(ticket.tickets)
    shown = {each.control: (each.holds, each.worse) for each in comparisons}
    word = word_of(shown) if n >= MIN_TRIALS else None
    return Verdict(
        word=word,
        reason=_reason(word, n, tickets, comparisons, rule, family),
        n=n,
        tickets=tickets,
        margin=rule.margin,
        alpha=rule.alpha,
        family=family,
        comparisons=comparisons,
        trials_needed=_needed(word, comparisons, rule, family),
    )


def word_of(shown: Mapping[str, tuple[bool, bool]]) -> Word | None:
    """The word for a ticket; None where it was not compared with the dense network.

    Args:
        shown: by control, whether the claim holds, and whether the ticket is worse.
    """
    if "dense" not in shown:
        return None
    holds, worse = shown["dense"]
    beats, beaten = shown.get("reinit", (False, False))
    if beaten or (worse and not holds):
        return "losing"
    if holds:
        return "winning" if beats else "matching"
    return "not distinguishable"


def _needed(
    word: Word | None, comparisons: Sequence[ControlComparison], rule: Rule, family: int
) -> int | None:
    """Trials for every open half of `winning`, at the strictest step of Holm's procedure."""
    if word in {"winning", "losing"}:
        return None
    counts = []
    for each in comparisons:
        if each.control in {"dense", "reinit"} and not each.holds:
            effect = each.difference.mean + (rule.margin if each.control == "dense" else 0.0)
            if each.difference.n < 2 or each.difference.sd == 0:  # noqa: PLR2004 - no spread of one
                return None
            alpha = rule.alpha / 2 / family
            counts.append(trials_needed(effect, each.difference.sd, alpha=alpha))
    known = [count for count in counts if count is not None]
    return max(known) if counts and len(known) == len(counts) else None


def _reason(  # noqa: PLR0917 - made in one place
    word: Word | None,
    n: int,
    tickets: int | None,
    comparisons: Sequence[ControlComparison],
    rule: Rule,
    family: int,
) -> str:
    count = count_text(n, tickets)
    if n < MIN_TRIALS:
        return f"{count}: fewer than {MIN_TRIALS} runs never yield a verdict."
    if not any(each.control == "dense" for each in comparisons):
        return "The dense network was not trained beside the ticket, so there is no verdict."
    named = [each for each in comparisons if each.control in {"dense", "reinit"}]
    parts = "; ".join(_describe(each, rule.metric) for each in named)
    drawn = max(named, key=lambda each: each.draws)
    count = drawn_text(n, tickets, drawn.control, drawn.draws)
    terms = [f"n = {count}", f"margin {rule.metric.amount(rule.margin)}"]
    terms += [f"alpha {rule.alpha:g}"] if rule.alpha != ALPHA else []
    terms += [f"corrected for {family} comparisons"] if family > 1 else []
    text = f"{parts} ({', '.join(terms)})."
    if word == "not distinguishable" and any(each.only_alone for each in named):
        word_text = f"not distinguishable after correction for {family} comparisons"
        return f"{word_text}: {text}"
    return f"{word}: {text}"


def _describe(each: ControlComparison, metric: Metric) -> str:
    difference = each.difference
    low, high = (metric.number(bound, signed=True) for bound in (difference.low, difference.high))
    bounds = (
        f"{100 * difference.confidence:g}% interval {low} to {high}"
        if math.isfinite(difference.low)
        else "no spread between the trials"
    )
    better = "better by " if metric.lower_is_better else ""
    about = "" if metric.is_accuracy else f" in {metric.name}"
    gain = metric.amount(difference.mean, signed=True)
    return f"{better}{gain}{about} against {each.control} ({bounds})"
