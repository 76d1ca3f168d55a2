from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ticket_hub.errors import EvidenceError
from ticket_hub.evidence import Outcome, contrast, paired_difference, paired_ratio
from ticket_hub.evidence.contrasts import welch_interval

FIRST = Outcome(
    accuracy=(0.981, 0.979, 0.984, 0.983, 0.980), early_stop=(2000, 2300, 1900, 2500, 2200)
)
SECOND = Outcome(
    accuracy=(0.972, 0.971, 0.970, 0.974, 0.969), early_stop=(4100, 5200, 3900, 4700, 6000)
)
FEWER = Outcome(accuracy=SECOND.accuracy[:3], early_stop=SECOND.early_stop[:3])
ONE = Outcome(accuracy=(0.97,), early_stop=(4000,))


def test_the_unpaired_interval_is_welch_s() -> None:
    found = contrast(FIRST, FEWER, pairing="none")
    expected = stats.ttest_ind(FIRST.accuracy, FEWER.accuracy, equal_var=False)
    bounds = expected.confidence_interval(0.95)
    assert (found.accuracy.low, found.accuracy.high) == pytest.approx((bounds.low, bounds.high))
    assert (found.n, found.n_other, found.method) == (5, 3, "welch")


@pytest.mark.parametrize("pairing", ["data order", "seed"])
def test_the_paired_interval_is_that_of_the_pairs(pairing: str) -> None:
    found = contrast(FIRST, SECOND, pairing=pairing)  # type: ignore[arg-type] # one of the two
    expected = paired_difference(FIRST.accuracy, SECOND.accuracy)
    assert (found.accuracy.low, found.accuracy.high) == (expected.low, expected.high)
    assert (found.n, found.n_other, found.method) == (5, 5, "student-t")


def test_sooner_is_the_geometric_ratio_of_the_other_s_early_stop_to_this_one_s() -> None:
    paired = contrast(FIRST, SECOND, pairing="data order").sooner
    expected = paired_ratio(SECOND.early_stop, FIRST.early_stop)
    assert paired.mean == pytest.approx(expected.mean)
    assert (paired.low, paired.high) == pytest.approx((expected.low, expected.high))
    assert contrast(FIRST, SECOND, pairing="none").sooner.mean == pytest.approx(expected.mean)
    assert paired.mean > 1


def test_one_trial_has_no_interval() -> None:
    found = contrast(ONE, FIRST, pairing="none")
    assert (found.accuracy.low, found.accuracy.high) == (-math.inf, math.inf)
    assert (found.sooner.low, found.sooner.high) == (0.0, math.inf)
    assert found.accuracy.mean == pytest.approx(0.97 - 0.9814)


def test_trials_that_are_all_equal_have_no_interval() -> None:
    assert welch_interval([0.5, 0.5, 0.5], [0.4, 0.3]).high == math.inf


@pytest.mark.parametrize("values", [[], [math.nan, 1.0], [math.inf]])
def test_what_is_no_measurement_is_refused(values: list[float]) -> None:
    with pytest.raises(EvidenceError, match="measurement"):
        welch_interval(values, [1.0, 2.0])


def test_pairs_of_unequal_numbers_are_refused() -> None:
    with pytest.raises(EvidenceError, match="paired"):
        contrast(FIRST, FEWER, pairing="data order")


sides = st.lists(st.floats(0, 1), min_size=2, max_size=9)


@given(sides, sides)
def test_the_two_sides_are_treated_alike(first: list[float], second: list[float]) -> None:
    one, other = welch_interval(first, second), welch_interval(second, first)
    assert (one.mean, one.low) == pytest.approx((-other.mean, -other.high))
    assert one.low <= one.mean <= one.high
