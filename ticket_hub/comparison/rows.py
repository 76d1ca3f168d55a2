"""A comparison as rows for programs: every network of every run."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ticket_hub.comparison.compared import Between, Compared
from ticket_hub.comparison.ladder import Measured
from ticket_hub.comparison.studies import Study, StudyKind
from ticket_hub.evidence import ControlComparison
from ticket_hub.evidence.rows import mean_of
from ticket_hub.evidence.statistics import Method
from ticket_hub.table import Table, finite
from ticket_hub.transfer.spec import DENSE, TICKET

__all__ = ["ComparisonRow", "csv_text", "rows"]


@dataclass(frozen=True, kw_only=True)
class ComparisonRow:
    """One kind of network at one level of one run; intervals are 95%, None is not known.

    Attributes:
        run, name, kind: label and name of the run; `search` or `experiment`.
        level: pruning rounds done; 0 for the dense network.
        network: `ticket`, a control, or `dense`.
        density: kept weights over prunable weights.
        n: number of trials.
        tickets: how many different tickets they are of; None where that is not known.
        accuracy, accuracy_low, accuracy_high: test accuracy at the early stop, in [0, 1].
        early_stop, early_stop_low, early_stop_high: iteration.
        gain, gain_low, gain_high: accuracy of this level's ticket minus this network's, paired; a
            dense network has a row for each level, and one without these.
        sooner: early stop of this network over the ticket's, geometric mean of pairs.
        p, holds: of the claim that the ticket is better (not inferior, for dense), after Holm's
            correction over all runs, levels and controls.
        p_uncorrected: before it.
        identical: whether its networks are this level's ticket's own.
        verdict: on the ticket, in its own row.
        first_gain, first_gain_low, first_gain_high: accuracy minus that of the first run's like
            network of the same density.
        first_method: how that interval was made: `student-t` or `bootstrap` of pairs, or `welch`
            where there are no pairs.
    """

    run: str
    name: str
    kind: StudyKind
    level: int
    network: str
    density: float
    n: int
    accuracy: float
    accuracy_low: float | None
    accuracy_high: float | None
    early_stop: float
    early_stop_low: float | None
    early_stop_high: float | None
    gain: float | None = None
    gain_low: float | None = None
    gain_high: float | None = None
    sooner: float | None = None
    p: float | None = None
    holds: bool | None = None
    identical: bool | None = None
    verdict: str = ""
    first_gain: float | None = None
    first_gain_low: float | None = None
    first_gain_high: float | None = None
    first_method: Method | Literal[""] = ""
    tickets: int | None = None
    p_uncorrected: float | None = None


def rows(compared: Compared) -> list[ComparisonRow]:
    """For each run its dense network, then level by level the ticket, its controls and dense."""
    between = {(each.label, each.level, each.network): each for each in compared.between}
    return [
        _joined(row, between.get((row.run, row.level, row.network)))
        for label, study in compared.studies.items()
        for row in _rows(label, study)
    ]


def _rows(label: str, study: Study) -> Iterator[ComparisonRow]:
    if study.dense is not None:
        yield _row(label, study, 0, DENSE, study.dense)
    for level in study.levels:
        found = {each.control: each for each in level.verdict.comparisons} if level.verdict else {}
        networks = dict(level.networks)
        if study.dense is not None:
            networks[DENSE] = study.dense
        for name, measured in networks.items():
            row = _row(label, study, level.level, name, measured)
            if name == TICKET and level.verdict is not None:
                row = dataclasses.replace(row, verdict=level.verdict.word or "none")
            yield _with_gain(row, found.get(name))


def _row(label: str, study: Study, level: int, network: str, measured: Measured) -> ComparisonRow:
    accuracy = mean_of(measured.outcome.accuracy)
    stop = mean_of(measured.outcome.early_stop)
    return ComparisonRow(
        run=label,
        name=study.name,
        kind=study.kind,
        level=level,
        network=network,
        density=measured.density,
        n=measured.n,
        tickets=measured.tickets,
        accuracy=accuracy.mean,
        accuracy_low=finite(accuracy.low),
        accuracy_high=finite(accuracy.high),
        early_stop=stop.mean,
        early_stop_low=finite(stop.low),
        early_stop_high=finite(stop.high),
    )


def _with_gain(row: ComparisonRow, found: ControlComparison | None) -> ComparisonRow:
    if found is None:
        return row
    return dataclasses.replace(
        row,
        gain=found.difference.mean,
        gain_low=finite(found.difference.low),
        gain_high=finite(found.difference.high),
        sooner=found.speed.mean,
        p=found.p,
        p_uncorrected=found.p_uncorrected,
        holds=found.holds,
        identical=found.identical,
    )


def _joined(row: ComparisonRow, found: Between | None) -> ComparisonRow:
    if found is None:
        return row
    accuracy = found.contrast.accuracy
    return dataclasses.replace(
        row,
        first_gain=accuracy.mean,
        first_gain_low=finite(accuracy.low),
        first_gain_high=finite(accuracy.high),
        first_method=found.contrast.method,
    )


def csv_text(compared: Compared) -> str:
    """The rows as CSV with a heading, numbers in full; what is not known is empty."""
    return Table.of_fields(ComparisonRow, rows(compared)).csv()
