"""Several draws of a control for each ticket: averaged within it, so that n counts tickets."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ticket_hub.errors import EvidenceError
from ticket_hub.evidence import Outcome, contrast, judge
from ticket_hub.evidence.statistics import one_sided

TRIALS = [0, 0, 0, 1, 1, 1, 2, 2, 2]
DRAWN = Outcome(
    accuracy=[0.90, 0.91, 0.92, 0.80, 0.82, 0.84, 0.85, 0.85, 0.88],
    early_stop=[100, 100, 800, 50, 50, 50, 10, 100, 1000],
    tickets=[*"aaabbbccc"],
    starts=[f"s{place}" for place in range(9)],
)
TICKET = Outcome(accuracy=[0.95, 0.90, 0.93], early_stop=[50, 25, 50], tickets=[*"abc"])


def test_draws_are_averaged_within_their_ticket() -> None:
    found = DRAWN.averaged(TRIALS)
    assert found.accuracy == pytest.approx([0.91, 0.82, 0.86])
    assert found.early_stop == pytest.approx([200, 50, 100])  # a geometric mean
    assert found.tickets == (*"abc",)
    assert found.draws == 3
    assert Outcome(accuracy=[1, 0], early_stop=[1, 2]).averaged([4, 7]).draws == 1


def test_a_ticket_with_fewer_draws_is_refused() -> None:
    with pytest.raises(EvidenceError, match="equally often"):
        Outcome(accuracy=[0.9, 0.8, 0.7], early_stop=[1, 2, 3]).averaged([0, 0, 1])


def test_n_counts_tickets_and_says_how_often_each_was_drawn() -> None:
    verdict = judge(TICKET, {"reinit": DRAWN.averaged(TRIALS), "dense": TICKET})
    compared = verdict.comparisons[0]
    assert (compared.difference.n, compared.draws) == (3, 3)
    assert compared.difference.mean == pytest.approx((0.04 + 0.08 + 0.07) / 3)
    assert compared.speed.mean == pytest.approx(math.prod([200 / 50, 2, 2]) ** (1 / 3))
    assert "n = 3 tickets, 3 reinitializations each" in verdict.reason
    found = contrast(TICKET, DRAWN.averaged(TRIALS), pairing="seed")
    assert (found.n, found.draws, found.draws_other) == (3, 1, 3)


@pytest.mark.parametrize(("n", "m"), [(3, 3), (5, 3)])
def test_pairs_of_all_draws_would_be_wrong_too_often_and_means_are_not(n: int, m: int) -> None:
    """Where nothing is there: what tickets have of their own is as large as what draws have."""
    generator = np.random.default_rng(n)
    tickets = generator.normal(size=(20_000, n, 1))
    differences = tickets + generator.normal(size=(20_000, n, m))
    of_means, _ = one_sided(differences.mean(-1))
    of_pairs, _ = one_sided(differences.reshape(len(differences), -1))
    bound = 0.025 + 3 * (0.025 * 0.975 / len(differences)) ** 0.5
    assert (of_means < 0.025).mean() <= bound
    assert (of_pairs < 0.025).mean() > 2 * bound
