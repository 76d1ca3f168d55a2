"""What a replay came to, beside what a bundle claims.

The claim is the mean test accuracy at the early stop. Where the environment is the one that the
bundle was made in, the same bits must come out. Elsewhere other rounding leads to other weights,
so the mean of the replayed trials must lie in the 95% interval that the claimed trials predict for
the mean of as many new ones: `t * s * sqrt(1 / n + 1 / m)`, with Student's t of n - 1 degrees of
freedom (two-sided, for two levels at 97.5% each). One claimed trial, or trials that all came to the
same, predict no spread; then the margin of 0.2 points is allowed.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ticket_hub.evidence import Rule
from ticket_hub.evidence.rule import ALPHA, USUAL
from ticket_hub.evidence.student import t_quantile
from ticket_hub.recipe.own import MARGIN

__all__ = ["LevelReplay", "ReplayReport", "Reproduction", "TrialReplay", "judge_level", "predicted"]

Reproduction: TypeAlias = Literal["bit-identical", "reproduced", "not reproduced"]
"""What a replay showed of a ticket."""


@dataclass(frozen=True, kw_only=True)
class TrialReplay:
    """One trial, as it is claimed and as it came out here.

    Attributes:
        claimed, found: test accuracy at the early stop, in [0, 1].
        claimed_stop, found_stop: iteration of the early stop.
        identical: whether every reading of every curve is the same, bit for bit.
    """

    trial: int
    claimed: float
    found: float
    claimed_stop: int
    found_stop: int
    identical: bool


@dataclass(frozen=True, kw_only=True)
class LevelReplay:
    """One level.

    Attributes:
        trials: those that were replayed.
        claimed_trials: how many the bundle has.
        claimed, found: mean test accuracies, over all claimed and over the replayed trials.
        low, high: where the mean of the replayed trials may lie in another environment.
        outcome: whether the claim came out; one of `Reproduction`.
    """

    level: int
    trials: tuple[TrialReplay, ...]
    claimed_trials: int
    claimed: float
    found: float
    low: float
    high: float
    outcome: Reproduction


@dataclass(frozen=True, kw_only=True)
class ReplayReport:
    """What a replay says of a bundle's claims.

    Attributes:
        levels: the dense one first.
        differences: between the environment of the bundle and this one; empty where the same bits
            must come out.
        run: the folder of the replay.
        rule: by what it was judged.
        test_examples: that accuracies are of.
        bundle: the id of the bundle.
        environment: machine and versions of the replay.
    """

    levels: tuple[LevelReplay, ...]
    differences: tuple[str, ...]
    run: str
    rule: Rule
    test_examples: int
    bundle: str
    environment: Mapping[str, str]

    @property
    def outcome(self) -> Reproduction:
        """The worst of the levels."""
        found = {level.outcome for level in self.levels}
        if "not reproduced" in found:
            return "not reproduced"
        return "reproduced" if "reproduced" in found else "bit-identical"

    @property
    def holds(self) -> bool:
        """Whether the claims hold on this machine."""
        return self.outcome != "not reproduced"


def judge_level(
    level: int,
    trials: Sequence[TrialReplay],
    claimed: Sequence[float],
    *,
    same_environment: bool,
    family: int,
    rule: Rule = USUAL,
) -> LevelReplay:
    """Compare the replayed trials of a level with all that are claimed.

    Args:
        claimed: test accuracies of all claimed trials.
        family: how many levels are judged at once.
        rule: alpha, and the margin that is allowed where the claim has no spread.
    """
    low, high = predicted(claimed, len(trials), alpha=rule.alpha / family, margin=rule.margin)
    found = statistics.mean([each.found for each in trials])
    outcome: Reproduction = "not reproduced"
    if all(each.identical for each in trials):
        outcome = "bit-identical"
    elif not same_environment and low <= found <= high:
        outcome = "reproduced"
    return LevelReplay(
        level=level,
        trials=tuple(trials),
        claimed_trials=len(claimed),
        claimed=statistics.mean(claimed),
        found=found,
        low=low,
        high=high,
        outcome=outcome,
    )


def predicted(
    claimed: Sequence[float], count: int, *, alpha: float = ALPHA, margin: float = MARGIN
) -> tuple[float, float]:
    """The interval for the mean of `count` new trials of what was measured n times.

    Args:
        margin: allowed to both sides where what was measured has no spread.
    """
    n, mean = len(claimed), statistics.mean(claimed)
    half = margin
    if len(set(claimed)) > 1:
        half = t_quantile(1 - alpha / 2, float(n - 1)) * statistics.stdev(claimed)
        half *= (1 / n + 1 / count) ** 0.5
    return mean - half, mean + half
