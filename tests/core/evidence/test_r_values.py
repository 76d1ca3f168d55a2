"""The statistics against values of R 4, on a sample that R ships: `sleep` (Student 1908).

`sleep` has the extra hours of ten patients under two drugs. Each test names the line of R.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from ticket_hub.evidence.contrasts import welch_interval
from ticket_hub.evidence.family import holm
from ticket_hub.evidence.statistics import one_sided, paired_difference, trials_needed

FIRST = (0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0)
SECOND = (1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4)


def test_the_paired_interval_is_that_of_r() -> None:
    """`with(sleep, t.test(extra[group == 1], extra[group == 2], paired = TRUE))`."""
    found = paired_difference(FIRST, SECOND)
    assert found.method == "student-t"
    assert found.mean == pytest.approx(-1.58)
    assert (found.low, found.high) == pytest.approx((-2.4598858, -0.7001142), abs=1e-7)


def test_the_paired_p_value_is_that_of_r() -> None:
    """Its two-sided p-value is 0.002833, and t = -4.0621 with 9 degrees of freedom."""
    differences = np.subtract(SECOND, FIRST)
    assert 2 * float(one_sided(differences, 0.0)[0]) == pytest.approx(0.002833, abs=5e-7)


def test_welchs_interval_is_that_of_r() -> None:
    """`t.test(extra ~ group, data = sleep)`: 17.776 degrees of freedom."""
    found = welch_interval(FIRST, SECOND)
    assert (found.low, found.high) == pytest.approx((-3.3654832, 0.2054832), abs=1e-7)


@pytest.mark.parametrize(("effect", "n"), [(1.0, 9.93785), (0.5, 33.36713), (0.8, 14.30276)])
def test_the_trials_that_are_needed_are_those_of_r(effect: float, n: float) -> None:
    """`power.t.test(delta = 1, sd = 1, power = 0.8, sig.level = 0.05, type = "paired")$n`.

    R's default is two-sided, whose far side adds nothing that can be seen here.
    """
    assert trials_needed(effect, 1.0) == math.ceil(n)


def test_holms_correction_is_that_of_r() -> None:
    """`p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")`."""
    corrected = holm(np.array([0.01, 0.04, 0.03, 0.005]))
    assert corrected.tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
