"""A ticket against one control, and what is said of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from ticket_hub.evidence.counts import count_text, drawn_text
from ticket_hub.evidence.rule import ALPHA, Rule
from ticket_hub.evidence.statistics import (
    MIN_TRIALS,
    Difference,
    Ratio,
    trials_needed,
)
from ticket_hub.recipe.own import Metric
from ticket_hub.recipe.spec import LATER
from ticket_hub.types import Word

__all__ = ["ControlComparison", "reason_for", "trials_that_decide"]


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


def trials_that_decide(
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


def reason_for(  # noqa: PLR0917 - made in one place
    word: Word | None,
    n: int,
    tickets: int | None,
    comparisons: Sequence[ControlComparison],
    rule: Rule,
    family: int,
) -> str:
    """The sentence of a verdict, with its numbers.

    Args:
        word: of the verdict; None where there is none.
        n, tickets: runs, and of how many tickets they are; None where that is not known.
        comparisons: with every control; those with `dense` and `reinit` are named.
        family: how many comparisons are corrected for together.
    """
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
