"""What an experiment says of one level as rows: the ticket, then each of its controls."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ticket_hub.evidence.counts import distinct, drawn_text
from ticket_hub.evidence.statistics import paired_difference
from ticket_hub.evidence.verdict import REFERENCES, ControlComparison, Outcome, Verdict
from ticket_hub.recipe.own import ACCURACY, Metric, read_at
from ticket_hub.table import Column, Table

__all__ = [
    "IDENTICAL",
    "EvidenceRow",
    "Mean",
    "interval_text",
    "level_rows",
    "mean_of",
    "rows_table",
]

BETTER, IDENTICAL = "better", "identical"


@dataclass(frozen=True, kw_only=True)
class Mean:
    """A mean over trials with its 95% interval; infinite where the spread is unknown."""

    n: int
    mean: float
    low: float
    high: float


def mean_of(values: Sequence[float] | Sequence[int]) -> Mean:
    """Mean and 95% interval of one quantity over trials: Student-t, bootstrapped from n = 20."""
    found = paired_difference(values, [0.0] * len(values))
    return Mean(n=found.n, mean=found.mean, low=found.low, high=found.high)


@dataclass(frozen=True, kw_only=True)
class EvidenceRow:
    """One kind of network at one level; intervals are 95%.

    Attributes:
        level: of the ticket.
        network: `ticket`, or a control.
        density: kept weights over prunable weights.
        n: number of trials.
        tickets: how many different tickets they are of; None where that is not known.
        draws: networks of a control for each trial, averaged within it.
        accuracy, accuracy_low, accuracy_high: test accuracy at the early stop, in [0, 1].
        early_stop: mean iteration; of loops that read no validation loss it is the last one.
        gain, gain_low, gain_high: accuracy of the ticket minus this control's, paired; the
            interval is not corrected for the size of the family.
        sooner: early stop of this control over the ticket's, geometric mean of pairs; None where
            there is none.
        p: that the ticket is better (not inferior, for dense, finetune and own), doubled and
            adjusted by Holm over the family.
        p_uncorrected: the same before Holm's correction.
        verdict: on the ticket, in its own row; for a control `beaten` or `not
            inferior`, whichever is claimed, `better` where that of it is shown, else `not shown`,
            or `not after correction for N comparisons` where it is the correction that forbids a
            word; or `identical`: its networks are the ticket's.
    """

    level: int
    network: str
    density: float
    n: int
    accuracy: float
    accuracy_low: float | None
    accuracy_high: float | None
    early_stop: float
    gain: float | None = None
    gain_low: float | None = None
    gain_high: float | None = None
    sooner: float | None = None
    p: float | None = None
    p_uncorrected: float | None = None
    verdict: str = ""
    tickets: int | None = None
    draws: int = 1

    @property
    def counted(self) -> str:
        """What n is of: `5 tickets`, or `5 tickets, 3 reinitializations each`."""
        return drawn_text(self.n, self.tickets, self.network, self.draws)


def level_rows(
    level: int,
    outcomes: Mapping[str, Outcome],
    densities: Mapping[str, float],
    verdict: Verdict,
) -> list[EvidenceRow]:
    """The rows of a level, in the order of `outcomes`.

    Args:
        outcomes: by network, `ticket` and every control of the verdict.
        densities: kept weights over prunable weights, by network.
    """
    return [_row(level, name, each, densities[name], verdict) for name, each in outcomes.items()]


def _row(level: int, name: str, outcome: Outcome, density: float, verdict: Verdict) -> EvidenceRow:
    accuracy = mean_of(outcome.accuracy)
    row = EvidenceRow(
        level=level,
        network=name,
        density=density,
        n=accuracy.n,
        tickets=distinct(outcome.tickets),
        draws=outcome.draws,
        accuracy=accuracy.mean,
        accuracy_low=accuracy.low,
        accuracy_high=accuracy.high,
        early_stop=sum(outcome.early_stop) / len(outcome.early_stop),
        verdict=verdict.word or "none",
    )
    found = next((each for each in verdict.comparisons if each.control == name), None)
    if found is None:
        return row
    return dataclasses.replace(
        row,
        gain=found.difference.mean,
        gain_low=found.difference.low,
        gain_high=found.difference.high,
        sooner=found.speed.mean if outcome.stops_early else None,
        p=found.p,
        p_uncorrected=found.p_uncorrected,
        verdict=_claim(found, verdict.family),
    )


def _claim(found: ControlComparison, family: int) -> str:
    if found.identical:
        return IDENTICAL
    if found.holds:
        return "not inferior" if found.control in REFERENCES else "beaten"
    if found.worse:
        return BETTER
    return f"not after correction for {family} comparisons" if found.only_alone else "not shown"


def _columns(metric: Metric, stop: str) -> tuple[Column, ...]:
    return (
        Column("level", right=True),
        Column("network"),
        Column("weights left (%)", right=True),
        Column("n", right=True),
        Column(metric.heading, right=True),
        Column(stop, right=True),
        Column(metric.gain_heading, right=True),
        Column("ticket sooner by", right=True),
        Column("verdict"),
    )


def rows_table(
    rows: Iterable[EvidenceRow], metric: Metric = ACCURACY, *, stops_early: bool = True
) -> Table:
    """Rows for people, 95% intervals in parentheses.

    Args:
        metric: what was measured.
        stops_early: False where no validation loss was read.
    """
    stop = read_at(stops_early=stops_early)
    return Table(_columns(metric, stop), [_cells(row, metric) for row in rows])


def _cells(row: EvidenceRow, metric: Metric) -> list[str]:
    return [
        str(row.level),
        row.network,
        f"{100 * row.density:.2f}",
        row.counted,
        metric.interval(row.accuracy, row.accuracy_low, row.accuracy_high),
        f"{row.early_stop:,.0f}",
        metric.interval(row.gain, row.gain_low, row.gain_high, signed=True),
        "" if row.sooner is None else f"{row.sooner:.2f}x",
        row.verdict,
    ]


def interval_text(mean: float | None, low: float | None, high: float | None, form: str) -> str:
    """A mean in per cent or points, and its bounds in parentheses where they are known.

    Args:
        form: of each number, such as `+.2f`.
    """
    if mean is None:
        return ""
    text = f"{100 * mean:{form}}"
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return text
    return f"{text} ({100 * low:{form}} to {100 * high:{form}})"
