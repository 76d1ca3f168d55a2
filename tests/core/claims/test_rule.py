"""What a claim is decided by: how often a false word comes, and what is needed for a true one."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import pytest

from ticket_hub.claims import Statement, decide
from ticket_hub.evidence import Contrast, contrast
from ticket_hub.evidence.statistics import one_sided
from ticket_hub.evidence.verdict import Outcome
from ticket_hub.shapes import Float64

TIMES = 20_000
SPREAD = 0.003  # of a difference of accuracies between trials


def statement(says: str = "", above: float = 0.0, measure: str = "accuracy") -> Statement:
    return Statement(says=says, measure=measure, first="a:ticket@1", second="b:dense", above=above)


def outcome(accuracy: Sequence[float], stops: Sequence[int] = ()) -> Outcome:
    return Outcome(accuracy=accuracy, early_stop=stops or [100] * len(accuracy))


def draws(effects: Sequence[float], n: int, times: int = TIMES) -> Float64[np.ndarray, "t rows n"]:
    """Differences of accuracies, where the true ones are these, in points."""
    noise = np.random.default_rng(n).normal(size=(times, len(effects), n)) * SPREAD
    return np.asarray(noise + np.array(effects)[:, None] / 100)


def words(effects: Sequence[float], n: int) -> dict[str, float]:
    """How often each word comes, by the t-tests that belong to the intervals."""
    better, worse = one_sided(draws(effects, n))
    shown = (better < 0.025).all(axis=1)
    opposed = (worse < 0.025 / len(effects)).any(axis=1)
    return {"reproduced": shown.mean(), "not reproduced": (opposed & ~shown).mean()}


def of_row(draw: Float64[np.ndarray, "rows n"], asked: Statement, confidence: float) -> Contrast:
    """The row of the draw that a statement is named by, against nothing."""
    first = outcome((0.9 + draw[int(asked.says)]).tolist())
    second = outcome([0.9] * draw.shape[1])
    return contrast(first, second, pairing="seed", confidence=confidence)


@pytest.mark.parametrize("effects", [[0.4], [0.5, -0.2, 0.5]], ids=str)
def test_intervals_decide_as_the_tests_that_belong_to_them(effects: list[float]) -> None:
    counts = {"reproduced": 0, "not reproduced": 0, "not decided": 0}
    some = draws(effects, 5, times=60)
    for draw in some:
        many = [statement(str(row)) for row in range(len(effects))]
        word, _ = decide(many, functools.partial(of_row, draw))
        better, worse = one_sided(draw)
        shown = bool((better < 0.025).all())
        opposed = bool((worse < 0.025 / len(effects)).any())
        expected = "reproduced" if shown else "not reproduced" if opposed else "not decided"
        assert word == expected
        counts[word] += 1
    assert min(counts["not decided"], counts["reproduced"] + counts["not reproduced"]) > 0, counts


@pytest.mark.parametrize("n", [3, 5, 10])
@pytest.mark.parametrize("effects", [[0.0], [0.0, 0.0], [0.0, 50.0, 50.0]], ids=str)
def test_a_false_word_of_either_kind_is_rare(effects: list[float], n: int) -> None:
    """At most 2.5% each, and three standard errors of the simulation."""
    found = words(effects, n)
    bound = 0.025 + 3 * (0.025 * 0.975 / TIMES) ** 0.5
    assert found["reproduced"] <= bound
    assert found["not reproduced"] <= bound


def test_five_trials_show_a_difference_of_two_spreads() -> None:
    """The power of a paired t-test at n = 5, one-sided 2.5%, effect 2 sd: 0.94."""
    found = words([0.6], 5)
    assert 0.90 < found["reproduced"] < 0.98
    assert found["not reproduced"] == 0


def test_what_is_clearly_the_opposite_is_not_reproduced() -> None:
    assert words([1.0, -3.0], 5)["not reproduced"] > 0.99


def test_fewer_than_three_trials_decide_nothing() -> None:
    pair = outcome([0.9, 0.91]), outcome([0.5, 0.52])
    word, (decided,) = decide(
        [statement()], lambda _, level: contrast(*pair, pairing="seed", confidence=level)
    )
    assert (word, decided.shown, decided.opposed) == ("not decided", False, False)


def test_a_ratio_is_compared_as_a_ratio() -> None:
    first, second = outcome([0.9] * 3, [100, 110, 90]), outcome([0.9] * 3, [210, 215, 185])
    word, (decided,) = decide(
        [statement("", 1.5, "sooner")],
        lambda _, level: contrast(first, second, pairing="seed", confidence=level),
    )
    expected = (2.1 * 215 / 110 * 185 / 90) ** (1 / 3)
    assert word == "reproduced"
    assert decided.interval.mean == pytest.approx(expected)
