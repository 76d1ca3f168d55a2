from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tests.helpers.unchecked import unchecked
from ticket_hub.errors import EvidenceError
from ticket_hub.evidence import holm, paired_difference, paired_ratio, trials_needed

FIRST = [0.981, 0.979, 0.984, 0.983, 0.980]
SECOND = [0.972, 0.971, 0.970, 0.974, 0.969]


def test_the_interval_and_p_are_those_of_the_paired_t_test() -> None:
    expected = stats.ttest_rel(FIRST, SECOND, alternative="greater")
    bounds = stats.ttest_rel(FIRST, SECOND).confidence_interval(0.95)
    found = paired_difference(FIRST, SECOND)
    assert found.p_greater == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx((bounds.low, bounds.high))
    assert (found.n, found.method) == (5, "student-t")


def test_a_shift_tests_against_the_margin() -> None:
    moved = [value + 0.002 for value in FIRST]
    found = paired_difference(FIRST, SECOND, shift=-0.002)
    assert found.p_greater == pytest.approx(paired_difference(moved, SECOND).p_greater)


def test_from_twenty_trials_on_the_interval_is_bootstrapped() -> None:
    generator = np.random.default_rng(1)
    first, second = generator.normal(1, 1, 20), generator.normal(0, 1, 20)
    found = paired_difference(first.tolist(), second.tolist())
    assert found.method == "bootstrap"
    assert found.low < found.mean < found.high
    assert found == paired_difference(first.tolist(), second.tolist())


@pytest.mark.parametrize("n", [1, 3, 20])
def test_equal_differences_support_no_conclusion(n: int) -> None:
    found = paired_difference([0.9] * n, [0.8] * n)
    assert (found.p_greater, found.p_less, found.low, found.high) == (1, 1, -np.inf, np.inf)


def test_unequal_numbers_of_trials_are_refused() -> None:
    with pytest.raises(EvidenceError, match="5 measurements cannot be paired with 4"):
        paired_difference(FIRST, SECOND[:4])


def test_a_reading_that_is_not_finite_is_refused() -> None:
    with pytest.raises(EvidenceError, match="not a finite number"):
        paired_difference(FIRST, [*SECOND[:4], float("nan")])


def test_a_ratio_of_iterations_is_symmetric() -> None:
    slow, quick = [4000, 6000, 5000], [2000, 2000, 2500]
    there, back = paired_ratio(slow, quick), paired_ratio(quick, slow)
    assert there.mean * back.mean == pytest.approx(1)
    assert there.low * back.high == pytest.approx(1)
    assert there.mean == pytest.approx((2 * 3 * 2) ** (1 / 3))


def test_a_reading_at_iteration_zero_is_not_infinitely_quick() -> None:
    assert np.isfinite(paired_ratio([0, 100, 200], [100, 100, 100]).mean)


def test_holm_multiplies_the_smallest_by_the_size_of_the_family() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_keeps_the_order_and_lies_between_plain_and_bonferroni(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    for plain, value in zip(p_values, adjusted, strict=True):
        assert plain <= value <= min(1.0, plain * len(p_values)) + 1e-12
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    assert [adjusted[i] for i in order] == sorted(adjusted)


@pytest.mark.parametrize(("n", "floor"), [(3, 0.935), (5, 0.935), (10, 0.935)])
def test_the_interval_covers_what_it_promises(n: int, floor: float) -> None:
    generator = np.random.default_rng(n)
    samples = generator.normal(0.01, 0.002, (2000, n))
    with unchecked():
        found = [paired_difference(row.tolist(), [0.0] * n) for row in samples]
    assert np.mean([each.low <= 0.01 <= each.high for each in found]) >= floor


@pytest.mark.parametrize(("effect", "sd"), [(0.01, 0.002), (0.003, 0.003), (0.001, 0.003)])
def test_the_number_of_trials_gives_the_promised_power(effect: float, sd: float) -> None:
    n = trials_needed(effect, sd)
    assert n is not None
    generator = np.random.default_rng(0)
    samples = generator.normal(effect, sd, (4000, n))
    p_values = stats.ttest_1samp(samples, 0, axis=1, alternative="greater").pvalue
    power = np.mean(p_values <= 0.025)
    assert power >= 0.78
    assert n == 3 or power < 0.95


def test_no_number_of_trials_finds_an_effect_of_the_wrong_sign() -> None:
    assert trials_needed(-0.01, 0.002) is None
    assert trials_needed(1e-9, 1.0) is None
