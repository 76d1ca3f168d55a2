"""Student's t distribution: the three functions of it that intervals and tests need.

These are what `scipy.stats.t` and `scipy.stats.nct` compute, from a module that is imported in a
third of the time: `scipy.stats` takes as long as a short search.
"""

from __future__ import annotations

import numpy as np

from ticket_hub.shapes import Float64

__all__ = ["shifted_t_upper_tail", "t_quantile", "t_upper_tail"]


def t_quantile(probability: float, freedom: float) -> float:
    """The value that Student's t with `freedom` degrees of freedom stays below so often."""
    from scipy import special  # slow to import

    return float(special.stdtrit(freedom, probability))


def t_upper_tail(
    statistic: Float64[np.ndarray, "*tests"], freedom: float
) -> Float64[np.ndarray, "*tests"]:
    """How often Student's t with `freedom` degrees of freedom is above each `statistic`."""
    from scipy import special  # slow to import

    return np.asarray(special.stdtr(freedom, -statistic), dtype=np.float64)


def shifted_t_upper_tail(statistic: float, freedom: float, shift: float) -> float:
    """How often the noncentral t, whose noncentrality is `shift`, is above `statistic`."""
    from scipy import special  # slow to import

    return float(1.0 - special.nctdtr(freedom, shift, statistic))
