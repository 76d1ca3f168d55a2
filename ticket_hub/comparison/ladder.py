"""What figures and tables are made of: measurements per series, level and trial."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from ticket_hub.evidence import count_text
from ticket_hub.evidence.student import t_quantile
from ticket_hub.recipe.own import ACCURACY, Metric
from ticket_hub.training import Curves

__all__ = ["Bars", "ErrorBar", "MeasuredLadder", "Numbers", "Rung", "Series", "counts_of"]

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
class Rung:
    """One level of a series.

    Attributes:
        level: pruning rounds done.
        density: kept weights over prunable weights.
        curves: of each trial, in the order of the trials.
        verdict: what the evidence supports at this level, or empty; see `ticket_hub.evidence`.
        tickets: how many different tickets the trials are of; None where that is not known.
        metric: what was measured; the curves have its values as accuracies.
    """

    level: int
    density: float
    curves: tuple[Curves, ...]
    verdict: str = ""
    tickets: int | None = None
    metric: Metric = ACCURACY

    @property
    def n(self) -> str:
        """How many trials there are, and of what."""
        return count_text(len(self.curves), self.tickets)

    @property
    def accuracies(self) -> tuple[float, ...]:
        """Test accuracy at the early stop, in [0, 1], per trial."""
        return tuple(float(each.test_accuracy[each.early_stop]) for each in self.curves)

    @property
    def train_accuracies(self) -> tuple[float, ...]:
        """The same on the training sample; empty where a trial has not read one."""
        known = [each for each in self.curves if each.train_accuracy is not None]
        if len(known) < len(self.curves):
            return ()
        return tuple(float(each.train_accuracy[each.early_stop]) for each in known)  # type: ignore[index]

    @property
    def stops_early(self) -> bool:
        """False of an author's own loop that read no validation loss."""
        return any(each.stops_early for each in self.curves)

    @property
    def early_stops(self) -> tuple[int, ...]:
        """Iteration of the first minimum of the validation loss, or the last one, per trial."""
        return tuple(int(each.iterations[each.early_stop]) for each in self.curves)


@dataclass(frozen=True, kw_only=True, eq=False)
class Series:
    """One kind of network at several densities: the ticket, or one control.

    Attributes:
        name: `ticket`, or a control such as `reinit`.
        rungs: from the densest to the sparsest.
    """

    name: str
    rungs: tuple[Rung, ...]


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
    dense: Rung | None = None

    @property
    def metric(self) -> Metric:
        """What was measured, the same everywhere."""
        return next((rung.metric for each in self.series for rung in each.rungs), ACCURACY)

    @property
    def stops_early(self) -> bool:
        """Whether any network has an early stop; else all values are of the last iteration."""
        return any(rung.stops_early for each in self.series for rung in each.rungs)

    @property
    def counts(self) -> tuple[str, ...]:
        """What is behind the points: see `counts_of`."""
        return counts_of([rung for series in self.series for rung in series.rungs])

    @property
    def densities(self) -> tuple[float, ...]:
        """Every density that occurs, from dense to sparse."""
        found = {rung.density for series in self.series for rung in series.rungs}
        return tuple(sorted(found, reverse=True))


def counts_of(rungs: Sequence[Rung]) -> tuple[str, ...]:
    """What trials are of, as `5 tickets`, each kind once and the fewest trials first."""
    ordered = sorted(rungs, key=lambda rung: (len(rung.curves), rung.tickets or 0))
    return tuple(dict.fromkeys(rung.n for rung in ordered))
