"""What figures and tables are made of: measurements per series, level and trial."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from ticket_hub.evidence import Outcome
from ticket_hub.evidence.counts import distinct, drawn_text
from ticket_hub.evidence.student import t_quantile
from ticket_hub.recipe.own import ACCURACY, Metric
from ticket_hub.training import Curves

__all__ = ["Bars", "ErrorBar", "Measured", "MeasuredLadder", "Numbers", "Series", "counts_of"]

Bars: TypeAlias = Literal["range", "interval"]
"""What a bar spans: from the least to the greatest trial, or a 95% Student-t interval."""

Numbers: TypeAlias = Sequence[float] | Sequence[int]

CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True)
class ErrorBar:
    """Several trials' values of one quantity, summed up.

    Attributes:
        mean: over the trials.
        low, high: ends of the bar.
        n: number of trials.
    """

    mean: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, values: Numbers, bars: Bars = "range") -> ErrorBar:
        """Sum up `values`; with fewer than two, an interval is the value itself."""
        numbers = np.asarray(values, dtype=float)
        mean, n = float(numbers.mean()), len(numbers)
        if bars == "range" or n == 1:
            return cls(mean=mean, low=float(numbers.min()), high=float(numbers.max()), n=n)
        half = float(t_quantile((1 + CONFIDENCE) / 2, float(n - 1)) * numbers.std(ddof=1) / n**0.5)
        return cls(mean=mean, low=mean - half, high=mean + half, n=n)


@dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """One kind of network at one level.

    Attributes:
        level: pruning rounds done; 0 is dense.
        density: kept weights over prunable weights, mean over the trials.
        outcome: of each trial.
        orders: of each trial, what names its examples and their order: two trials of one name
            saw the same. Empty where that is not known.
        curves: of each trial, and of each of its draws, which stand side by side; empty where only
            the outcome is known.
        verdict: what the evidence supports of these tickets, or empty; see `ticket_hub.evidence`.
        metric: what was measured; outcome and curves have its values as accuracies.
        network: its name, which says what its draws are called; empty where there is one.
    """

    level: int
    density: float
    outcome: Outcome
    orders: tuple[str, ...] = ()
    curves: tuple[Curves, ...] = ()
    verdict: str = ""
    metric: Metric = ACCURACY
    network: str = ""

    @property
    def n(self) -> int:
        """Number of trials."""
        return len(self.outcome.accuracy)

    @property
    def tickets(self) -> int | None:
        """How many different tickets they are of; None where that is not known."""
        return distinct(self.outcome.tickets)

    @property
    def train_accuracies(self) -> tuple[float, ...]:
        """On the training sample at the early stop; empty where a trial has not read one there."""
        read = [(each.train_accuracy, each.early_stop) for each in self.curves]
        found = [float(values[stop]) for values, stop in read if values is not None]
        if len(found) < len(read) or not np.isfinite(found).all():
            return ()
        return tuple(map(float, np.reshape(found, (-1, self.outcome.draws)).mean(1)))

    @property
    def counted(self) -> str:
        """What n is of, as `5 tickets`."""
        return drawn_text(self.n, self.tickets, self.network, self.outcome.draws)


@dataclass(frozen=True, kw_only=True, eq=False)
class Series:
    """One kind of network at several densities: the ticket, or one control.

    Attributes:
        name: `ticket`, or a control such as `reinit`.
        rungs: from the densest to the sparsest.
    """

    name: str
    rungs: tuple[Measured, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class MeasuredLadder:
    """Everything that one figure shows.

    Attributes:
        title: the network and the data, for people.
        series: the ticket first.
        dense: the network before pruning, trained on the same budget; None where it was not.
    """

    title: str
    series: tuple[Series, ...]
    dense: Measured | None = None

    @property
    def metric(self) -> Metric:
        """What was measured, the same everywhere."""
        return next((rung.metric for each in self.series for rung in each.rungs), ACCURACY)

    @property
    def stops_early(self) -> bool:
        """Whether any network has an early stop; else all values are of the last iteration."""
        return any(rung.outcome.stops_early for each in self.series for rung in each.rungs)

    @property
    def counts(self) -> tuple[str, ...]:
        """What is behind the points: see `counts_of`."""
        return counts_of([rung for series in self.series for rung in series.rungs])

    @property
    def densities(self) -> tuple[float, ...]:
        """Every density that occurs, from dense to sparse."""
        found = {rung.density for series in self.series for rung in series.rungs}
        return tuple(sorted(found, reverse=True))


def counts_of(rungs: Sequence[Measured]) -> tuple[str, ...]:
    """What trials are of, as `5 tickets`, each kind once and the fewest trials first."""
    ordered = sorted(rungs, key=lambda rung: (rung.n, rung.tickets or 0))
    return tuple(dict.fromkeys(rung.counted for rung in ordered))
