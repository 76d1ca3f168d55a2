"""The tests of one family: everything that was asked for in one command, decided together.

Each comparison of a ticket with a control is a paired t-test in both directions: that the claim
about the ticket holds, and that the ticket is worse. The smaller of the two p-values, doubled, is
the p-value of the comparison; Holm's step-down procedure (1979) runs over the comparisons of the
family, so that the chance of any false word, of either kind, stays at most alpha. A family of one
is the two-sided test whose interval is shown: one-sided alpha / 2 beside 1 - alpha.

All functions take any number of families at once, along the leading axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ticket_hub.shapes import Bool, Float64

__all__ = ["Decisions", "decide", "holm"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Decisions:
    """What was decided of each comparison.

    Attributes:
        p, p_worse: of the claim and of its opposite, doubled, before any correction.
        corrected, corrected_worse: the same after Holm's correction over the family.
        holds, worse: whether each is shown: at most alpha after the correction.

    Shapes:
        all `(*families, comparisons)`.
    """

    p: Float64[np.ndarray, "*families comparisons"]
    p_worse: Float64[np.ndarray, "*families comparisons"]
    corrected: Float64[np.ndarray, "*families comparisons"]
    corrected_worse: Float64[np.ndarray, "*families comparisons"]
    holds: Bool[np.ndarray, "*families comparisons"]
    worse: Bool[np.ndarray, "*families comparisons"]


def decide(
    p_greater: Float64[np.ndarray, "*families comparisons"],
    p_less: Float64[np.ndarray, "*families comparisons"],
    *,
    alpha: float,
    beside: Float64[np.ndarray, " others"] | None = None,
) -> Decisions:
    """Decide the comparisons of each family.

    Args:
        p_greater: one-sided p of the claim: that the ticket is better, or not inferior.
        p_less: one-sided p of the opposite: that the ticket is worse.
        alpha: chance of any false claim in the family.
        beside: p-values (doubled) of further comparisons of the same family, which are decided
            elsewhere and count here.
    """
    # Doubled, since both directions are tried: so a family of one is the two-sided test.
    p, p_worse = (np.minimum(1.0, 2 * each) for each in (p_greater, p_less))
    own = np.minimum(p, p_worse)
    others = np.zeros(0) if beside is None else np.asarray(beside, dtype=np.float64)
    whole = np.concatenate([own, np.broadcast_to(others, (*own.shape[:-1], len(others)))], axis=-1)
    steps = _steps(whole)[..., : own.shape[-1]]
    least = holm(whole)[..., : own.shape[-1]]
    first, second = (
        np.minimum(1.0, np.maximum(least, steps * each)) for each in (p, p_worse)
    )  # the smaller of the two is `least`; the other may not be judged more mildly than it
    return Decisions(
        p=p,
        p_worse=p_worse,
        corrected=first,
        corrected_worse=second,
        holds=first <= alpha,
        worse=second <= alpha,
    )


def holm(
    p_values: Float64[np.ndarray, "*families comparisons"] | Sequence[float],
) -> Float64[np.ndarray, "*families comparisons"]:
    """Adjust the p-values of a family so that its chance of any false claim stays bounded.

    Step-down procedure of Holm (1979): the k-th smallest of m is multiplied by m - k + 1, and
    none may be smaller than the one before.
    """
    p = np.asarray(p_values, dtype=np.float64)
    # Stable, so that equal p-values are ranked as they were asked for, on every machine.
    order = np.argsort(p, axis=-1, kind="stable")
    ranked = np.take_along_axis(p * _steps(p), order, axis=-1)
    found = np.empty_like(p)
    # Holm's adjusted values never fall: a later, larger p may not be shown where an earlier is not.
    running = np.minimum(1.0, np.maximum.accumulate(ranked, axis=-1))
    np.put_along_axis(found, order, running, axis=-1)
    return found


def _steps(
    p: Float64[np.ndarray, "*families comparisons"],
) -> Float64[np.ndarray, "*families comparisons"]:
    """How many comparisons each is corrected for: those that are not below it."""
    ranks = np.argsort(np.argsort(p, axis=-1, kind="stable"), axis=-1, kind="stable")
    return np.asarray(p.shape[-1] - ranks, dtype=np.float64)
