"""Many values summed up: their quantiles, and their counts in bins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ticket_hub.shapes import Shaped

__all__ = ["STEPS", "Distribution", "Histogram", "count_in_bins", "summarize"]

STEPS = 100
"""Quantiles are kept at every 1/100, from the least value to the greatest."""


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """The values of some weights or units.

    Attributes:
        n: how many.
        mean, sd: of the values; None without any (sd of all values: over n, not n - 1).
        quantiles: the values at 0, 1/100, ..., 1 of their order; empty without any.
    """

    n: int
    mean: float | None
    sd: float | None
    quantiles: tuple[float, ...]

    @property
    def median(self) -> float | None:
        """The value in the middle, or None."""
        return self.quantiles[STEPS // 2] if self.quantiles else None


def summarize(values: Shaped[Tensor, "*shape"]) -> Distribution:
    """The distribution of all entries; each quantile is one of the values."""
    ordered = values.detach().reshape(-1).double().cpu().sort().values
    n = ordered.numel()
    if not n:
        return Distribution(n=0, mean=None, sd=None, quantiles=())
    places = torch.linspace(0, n - 1, STEPS + 1, dtype=torch.float64).round().long()
    return Distribution(
        n=n,
        mean=float(ordered.mean()),
        sd=float(ordered.std(correction=0)),
        quantiles=tuple(ordered[places].tolist()),
    )


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """How many values lie in each of some bins of equal width.

    Attributes:
        low, high: the least and the greatest edge; nothing lies outside.
        counts: by bin.
    """

    low: float
    high: float
    counts: tuple[int, ...]

    @property
    def density(self) -> tuple[float, ...]:
        """Share of the values in each bin over the bin's width; 0 without any value."""
        total, width = sum(self.counts), (self.high - self.low) / len(self.counts)
        return tuple(count / (total * width) if total and width else 0.0 for count in self.counts)

    @property
    def edges(self) -> tuple[float, ...]:
        """One more than there are bins."""
        bins = len(self.counts)
        return tuple(self.low + (self.high - self.low) * i / bins for i in range(bins + 1))


def count_in_bins(values: Sequence[Tensor], reach: float, bins: int) -> Histogram:
    """Count values between -reach and reach; what lies outside counts in the outermost bins."""
    joined = torch.cat([each.detach().reshape(-1).double().cpu() for each in values])
    edge = reach or 1.0
    places = ((joined + edge) / (2 * edge) * bins).floor().long().clamp(0, bins - 1)
    counts = torch.bincount(places, minlength=bins)
    return Histogram(low=-edge, high=edge, counts=tuple(counts.tolist()))
