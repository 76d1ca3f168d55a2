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

`winning` is an intersection of two claims, each tested at level alpha, so its false rate is at
most alpha whichever half is untrue. Holm's correction runs over every claim that is made.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ticket_hub.errors import EvidenceError
from ticket_hub.evidence.statistics import (
    LEAST_TRIALS,
    Difference,
    Ratio,
    holm,
    paired_difference,
    paired_ratio,
    trials_needed,
)

__all__ = ["ALPHA", "MARGIN", "REFERENCES", "Comparison", "Outcome", "Verdict", "Word", "judge"]

Word: TypeAlias = Literal["winning", "matching", "not distinguishable", "losing"]

ALPHA = 0.05
MARGIN = 0.002
"""How far below dense still counts as matching: 0.2 points of accuracy."""
REFERENCES = frozenset({"dense", "finetune", "own"})
"""Controls that a ticket need not beat; it must not be inferior to them by more than the margin."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What was measured of one ticket or control, in the order of the trials.

    Attributes:
        accuracy: on the test set at the early stop, in [0, 1].
        early_stop: the iteration of the early stop.
        starts: digests of what each network began with; empty where that is not known.
    """

    accuracy: Sequence[float]
    early_stop: Sequence[int]
    starts: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A ticket against one control.

    Attributes:
        control: `dense`, `reinit`, `shuffle`, ...
        difference: accuracy of the ticket minus the control's.
        speed: early-stop iteration of the control over the ticket's; above 1 is sooner.
        p: of the claim, adjusted by Holm: not inferior (`REFERENCES`), or better (any other).
        p_worse: of the opposite claim, that the ticket is worse, adjusted likewise.
        holds: whether the claim is made.
        identical: whether the control's networks are the ticket's own: they begin with the same
            weights and the same mask in every trial, and there is nothing to compare.
    """

    control: str
    difference: Difference
    speed: Ratio
    p: float
    p_worse: float
    holds: bool
    identical: bool = False


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the evidence supports.

    Attributes:
        word: None where there are too few trials, or no dense network to compare with.
        reason: one sentence with the numbers.
        n: number of trials.
        margin: of non-inferiority, as a fraction.
        alpha: chance of a false claim in the family.
        comparisons: one for each control.
        trials_needed: how many trials would decide, for the effect seen; None where the verdict
            is decided or no number of trials would do.
    """

    word: Word | None
    reason: str
    n: int
    margin: float
    alpha: float
    comparisons: tuple[Comparison, ...]
    trials_needed: int | None


def judge(
    ticket: Outcome,
    controls: Mapping[str, Outcome],
    *,
    margin: float = MARGIN,
    alpha: float = ALPHA,
) -> Verdict:
    """Judge a ticket by its controls.

    Raises:
        EvidenceError: a control has other trials than the ticket, or a value is not finite.
    """
    n = len(ticket.accuracy)
    if not n:
        raise EvidenceError("There is no trial to judge.", "Train at least three.")
    comparisons = _compare(ticket, controls, margin, alpha)
    word = _word({each.control: each for each in comparisons}, n, alpha)
    return Verdict(
        word=word,
        reason=_reason(word, n, comparisons, margin),
        n=n,
        margin=margin,
        alpha=alpha,
        comparisons=comparisons,
        trials_needed=_needed(word, comparisons, margin, alpha),
    )


def _compare(
    ticket: Outcome, controls: Mapping[str, Outcome], margin: float, alpha: float
) -> tuple[Comparison, ...]:
    claims, plain = [], []
    for name, control in controls.items():
        shift = -margin if name in REFERENCES else 0.0
        claims.append(paired_difference(ticket.accuracy, control.accuracy, shift=shift))
        plain.append(paired_difference(ticket.accuracy, control.accuracy))
    better = holm([claim.p_greater for claim in claims])
    worse = holm([difference.p_less for difference in plain])
    return tuple(
        Comparison(
            control=name,
            difference=plain[index],
            speed=paired_ratio(control.early_stop, ticket.early_stop),
            p=better[index],
            p_worse=worse[index],
            holds=better[index] <= alpha and plain[index].n >= LEAST_TRIALS,
            identical=_identical(ticket, control),
        )
        for index, (name, control) in enumerate(controls.items())
    )


def _identical(ticket: Outcome, control: Outcome) -> bool:
    """By what they began with; equal numbers alone may be luck, or two networks that died."""
    pairs = zip(
        (ticket.starts, ticket.accuracy, ticket.early_stop),
        (control.starts, control.accuracy, control.early_stop),
        strict=True,
    )
    return len(ticket.starts) > 0 and all(list(one) == list(other) for one, other in pairs)


def _word(comparisons: Mapping[str, Comparison], n: int, alpha: float) -> Word | None:
    dense, reinit = comparisons.get("dense"), comparisons.get("reinit")
    if n < LEAST_TRIALS or dense is None:
        return None
    beaten_by_reinit = reinit is not None and reinit.p_worse <= alpha
    if beaten_by_reinit or (dense.p_worse <= alpha and not dense.holds):
        return "losing"
    if dense.holds:
        return "winning" if reinit is not None and reinit.holds else "matching"
    return "not distinguishable"


def _needed(
    word: Word | None, comparisons: Sequence[Comparison], margin: float, alpha: float
) -> int | None:
    """Trials for every open half of `winning`, at the strictest step of Holm's procedure."""
    if word in {"winning", "losing"}:
        return None
    counts = []
    for each in comparisons:
        if each.control in {"dense", "reinit"} and not each.holds:
            effect = each.difference.mean + (margin if each.control == "dense" else 0.0)
            if each.difference.n < 2 or each.difference.sd == 0:  # noqa: PLR2004 - no spread of one
                return None
            counts.append(trials_needed(effect, each.difference.sd, alpha=alpha / len(comparisons)))
    known = [count for count in counts if count is not None]
    return max(known) if counts and len(known) == len(counts) else None


def _reason(word: Word | None, n: int, comparisons: Sequence[Comparison], margin: float) -> str:
    if n < LEAST_TRIALS:
        return f"{n} trial{'s' * (n != 1)}: fewer than {LEAST_TRIALS} never yield a verdict."
    if not any(each.control == "dense" for each in comparisons):
        return "The dense network was not trained beside the ticket, so there is no verdict."
    parts = [_describe(each) for each in comparisons if each.control in {"dense", "reinit"}]
    text = f"{'; '.join(parts)} (n = {n}, margin {100 * margin:g} points)."
    return f"{word}: {text}" if word else text


def _describe(each: Comparison) -> str:
    difference = each.difference
    bounds = (
        f"{100 * difference.confidence:.0f}% interval "
        f"{100 * difference.low:+.2f} to {100 * difference.high:+.2f}"
        if math.isfinite(difference.low)
        else "no spread between the trials"
    )
    return f"{100 * difference.mean:+.2f} points against {each.control} ({bounds})"
