from __future__ import annotations

import numpy as np
import pytest

from ticket_hub.evidence import Outcome, decide, judge
from ticket_hub.evidence.rows import level_rows
from ticket_hub.evidence.statistics import one_sided
from ticket_hub.evidence.verdict import ALPHA, MARGIN, word_of

SEED_SD = 0.0015
"""Per-seed standard deviation of LeNet's accuracy on MNIST at 3.58% (independent replication)."""


def outcome(accuracy: object, early_stop: int = 3000) -> Outcome:
    values = np.asarray(accuracy, dtype=float).tolist()
    return Outcome(accuracy=values, early_stop=[early_stop + 100 * i for i in range(len(values))])


def simulated_words(
    n: int, *, below_dense: float, above_reinit: float, runs: int = 4000
) -> list[str | None]:
    """Verdicts on tickets whose true differences are known, by what decides every verdict."""
    noise = np.random.default_rng(n).normal(0, SEED_SD, (runs, 3, n))
    against_dense = noise[:, 0] - noise[:, 1] - below_dense
    against_reinit = noise[:, 0] - noise[:, 2] + above_reinit
    differences = np.stack([against_dense, against_reinit], axis=1)
    shifts = np.broadcast_to(np.array([-MARGIN, 0.0]), (runs, 2))
    claims, _ = one_sided(differences, shifts)
    _, worse = one_sided(differences)
    found = decide(claims, worse, alpha=ALPHA)
    return [
        word_of({"dense": (a[0], b[0]), "reinit": (a[1], b[1])})
        for a, b in zip(found.holds.tolist(), found.worse.tolist(), strict=True)
    ]


def test_the_words_of_the_simulations_are_those_of_judge() -> None:
    expected = simulated_words(5, below_dense=0.002, above_reinit=0.002, runs=4000)
    noise = np.random.default_rng(5).normal(0, SEED_SD, (4000, 3, 5))
    words = [
        judge(
            outcome(0.98 + each[0]),
            {"dense": outcome(0.982 + each[1]), "reinit": outcome(0.978 + each[2])},
        ).word
        for each in noise[:40]
    ]
    assert words == expected[:40]
    assert len(set(words)) >= 3


@pytest.mark.parametrize("n", [3, 5, 10])
@pytest.mark.parametrize(
    ("below_dense", "above_reinit"), [(0.0, 0.0), (-0.01, 0.0), (0.002, 0.01), (0.002, 0.0)]
)
def test_null_tickets_are_called_winning_in_at_most_five_per_cent(
    n: int, below_dense: float, above_reinit: float
) -> None:
    words = simulated_words(n, below_dense=below_dense, above_reinit=above_reinit)
    # 0.05, and three standard errors of the simulation
    assert words.count("winning") / len(words) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / len(words))


@pytest.mark.parametrize(("n", "power"), [(5, 0.35), (10, 0.85)])
def test_the_published_effect_is_found(n: int, power: float) -> None:
    words = simulated_words(n, below_dense=-0.001, above_reinit=0.01)
    assert words.count("winning") / len(words) >= power


def test_a_ticket_that_loses_a_point_is_called_losing() -> None:
    words = simulated_words(5, below_dense=0.01, above_reinit=0.0)
    assert words.count("losing") / len(words) >= 0.95
    assert "winning" not in words


def test_two_trials_never_yield_a_verdict_and_say_how_many_would() -> None:
    verdict = judge(
        outcome([0.985, 0.983]),
        {"dense": outcome([0.981, 0.980]), "reinit": outcome([0.970, 0.971])},
    )
    assert verdict.word is None
    assert "fewer than 3" in verdict.reason
    assert verdict.trials_needed is not None
    assert verdict.trials_needed >= 3


def test_without_a_dense_network_there_is_no_verdict() -> None:
    verdict = judge(outcome([0.98, 0.981, 0.982]), {"reinit": outcome([0.97, 0.972, 0.971])})
    assert verdict.word is None
    assert "dense" in verdict.reason


def test_not_inferior_without_reinit_is_matching_and_not_winning() -> None:
    verdict = judge(
        outcome([0.983, 0.984, 0.985, 0.983]), {"dense": outcome([0.980, 0.982, 0.981, 0.981])}
    )
    assert verdict.word == "matching"


def test_a_ticket_beaten_by_its_reinit_is_losing_even_when_it_matches_dense() -> None:
    verdict = judge(
        outcome([0.980, 0.981, 0.982, 0.980]),
        {
            "dense": outcome([0.975, 0.977, 0.976, 0.976]),
            "reinit": outcome([0.990, 0.992, 0.991, 0.991]),
        },
    )
    assert verdict.word == "losing"


def test_more_controls_make_claims_harder() -> None:
    generator = np.random.default_rng(5)
    ticket = outcome(0.982 + generator.normal(0, 0.001, 5))
    dense = outcome(0.98 + generator.normal(0, 0.001, 5))
    few = judge(ticket, {"dense": dense})
    many = judge(ticket, {"dense": dense, "shuffle": dense, "random": dense})
    assert many.comparisons[0].p >= few.comparisons[0].p


def test_speed_is_above_one_where_the_ticket_stops_sooner() -> None:
    verdict = judge(
        outcome([0.98, 0.981, 0.983], early_stop=2000),
        {"dense": outcome([0.98, 0.982, 0.981], early_stop=6000)},
    )
    assert verdict.comparisons[0].speed.mean > 2.5


def test_the_reason_states_numbers_n_and_margin() -> None:
    reason = judge(outcome([0.983, 0.984, 0.985]), {"dense": outcome([0.980, 0.982, 0.981])}).reason
    assert "points against dense" in reason
    assert "n = 3" in reason
    assert "margin 0.2 points" in reason


def test_a_row_says_what_was_shown_of_its_control() -> None:
    ticket = outcome([0.970, 0.972, 0.974, 0.971])
    controls = {
        "reinit": outcome([0.950, 0.953, 0.952, 0.951]),
        "random": outcome([0.960, 0.990, 0.965, 0.981]),
        "own": outcome([0.970, 0.971, 0.973, 0.972]),
        "dense": outcome([0.990, 0.991, 0.995, 0.992]),
    }
    densities = dict.fromkeys(["ticket", *controls], 0.1)
    rows = level_rows(3, {"ticket": ticket} | controls, densities, judge(ticket, controls))
    assert [row.verdict for row in rows] == [
        "losing",
        "beaten",
        "not shown",
        "not inferior",
        "better",
    ]
    ends = {name: outcome(each.accuracy[:2]) for name, each in controls.items()}
    pair = outcome(ticket.accuracy[:2])
    few = level_rows(3, {"ticket": pair} | ends, densities, judge(pair, ends))
    assert {row.verdict for row in few} == {"none", "not shown"}
