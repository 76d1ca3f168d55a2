from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ticket_hub.evidence.student import shifted_t_upper_tail, t_quantile, t_upper_tail


@pytest.mark.parametrize("freedom", [1.0, 2.0, 4.0, 3.7, 19.0])
def test_quantiles_and_tails_are_those_of_scipy_stats(freedom: float) -> None:
    values = np.random.default_rng(0).normal(0, 5, 100)
    for probability in [*np.linspace(0.01, 0.99, 50), 0.975, 1e-9]:
        assert t_quantile(probability, freedom) == stats.t.ppf(probability, freedom)
    assert (t_upper_tail(values, freedom) == stats.t.sf(values, freedom)).all()
    assert (t_upper_tail(-values, freedom) == stats.t.cdf(values, freedom)).all()
    for value in values:
        shifted = stats.nct.sf(value, freedom, 1.5)
        assert shifted_t_upper_tail(value, freedom, 1.5) == pytest.approx(shifted, abs=1e-12)
