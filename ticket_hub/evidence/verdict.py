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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from ticket_hub.errors import EvidenceError
from ticket_hub.evidence.control_comparison import ControlComparison, reason_for, trials_that_decide
from ticket_hub.evidence.counts import distinct
from ticket_hub.evidence.family import Decisions, decide
from ticket_hub.evidence.outcome import Outcome
from ticket_hub.evidence.rule import ALPHA, REFERENCES, USUAL, Rule
from ticket_hub.evidence.statistics import (
    MIN_TRIALS,
    Difference,
    paired_difference,
    paired_ratio,
)
from ticket_hub.recipe.own import MARGIN, Metric
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

    def summary(self) -> dict[str, Any]:
        """What it says as plain values, without the comparisons, which have tables of their own."""
        return {
            "word": self.word,
            "reason": self.reason,
            "n": self.n,
            "tickets": self.tickets,
            "margin": self.margin,
            "alpha": self.alpha,
            "family": self.family,
            "trials_needed": self.trials_needed,
        }


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
        reason=reason_for(word, n, tickets, comparisons, rule, family),
        n=n,
        tickets=tickets,
        margin=rule.margin,
        alpha=rule.alpha,
        family=family,
        comparisons=comparisons,
        trials_needed=trials_that_decide(word, comparisons, rule, family),
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
