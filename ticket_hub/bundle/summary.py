"""What the evidence of a bundle comes to: a summary and a verdict a level, and the default."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence

from ticket_hub.bundle.content import Word
from ticket_hub.bundle.manifest import DefaultTicket, EvidenceSummary, LevelRecord, Spread
from ticket_hub.bundle.metrics import TICKET, CurveRecord
from ticket_hub.evidence import Outcome, judge
from ticket_hub.evidence.verdict import MARGIN

__all__ = ["choose", "measured", "outcomes", "verdict"]

DENSE = 0
"""The level that is dense."""


def outcomes(
    records: Iterable[CurveRecord], trials: Sequence[int]
) -> dict[tuple[int, str], Outcome]:
    """Level and control -> what was measured at the early stop, trials in their order.

    Only where every trial was measured; a test set that was not read there counts as nothing.
    """
    rows: dict[tuple[int, str], dict[int, tuple[float, int]]] = {}
    for record in records:
        accuracy = float(record.curves.test_accuracy[record.curves.early_stop])
        rows.setdefault((record.level, record.control), {})[record.trial] = (
            accuracy,
            record.chosen,
        )
    found = {}
    for key, row in rows.items():
        if set(row) == set(trials) and all(0 <= accuracy <= 1 for accuracy, _ in row.values()):
            values = [row[trial] for trial in trials]
            found[key] = Outcome(
                accuracy=tuple(accuracy for accuracy, _ in values),
                early_stop=tuple(stop for _, stop in values),
            )
    return found


def measured(outcome: Outcome | None, backends: Iterable[str]) -> EvidenceSummary | None:
    """The summary of one level."""
    if outcome is None:
        return None
    return EvidenceSummary(
        n=len(outcome.accuracy),
        test_accuracy=_spread(outcome.accuracy),
        early_stop=_spread(outcome.early_stop),
        backends=tuple(sorted(set(backends))),
    )


def _spread(values: Sequence[float] | Sequence[int]) -> Spread:
    exact = [float(value) for value in values]
    return Spread(mean=statistics.mean(exact), min=min(exact), max=max(exact))


def verdict(level: int, found: Mapping[tuple[int, str], Outcome]) -> Word | None:
    """What the evidence in the bundle supports for a level; None where there is too little.

    The ticket is judged by the dense network of the same search and by the controls that were
    trained beside it; see `ticket_hub.evidence.judge`.
    """
    ticket, dense = found.get((level, TICKET)), found.get((DENSE, TICKET))
    if ticket is None or dense is None or level == DENSE:
        return None
    controls = {
        name: outcome for (at, name), outcome in found.items() if at == level and name != TICKET
    }
    return judge(ticket, {"dense": dense, **controls}).word


def choose(levels: Sequence[LevelRecord], trial: int) -> DefaultTicket:
    """The default ticket; see `DefaultTicket` for the rule."""
    carried = sorted((level for level in levels if level.tickets), key=lambda level: level.density)
    for level in carried:
        if level.verdict in {"winning", "matching"}:
            return DefaultTicket(level=level.index, trial=trial, rule="verdict")
    reference = next((each.evidence for each in levels if each.index == DENSE), None)
    if reference is not None:
        least = reference.test_accuracy.mean - MARGIN
        for level in carried:
            if level.evidence is not None and level.evidence.test_accuracy.mean >= least:
                return DefaultTicket(level=level.index, trial=trial, rule="mean-within-margin")
        return DefaultTicket(level=carried[-1].index, trial=trial, rule="densest")
    return DefaultTicket(level=carried[0].index, trial=trial, rule="sparsest")
