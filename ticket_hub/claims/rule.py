"""When a claim is reproduced: one rule for all of them.

A claim makes one statement or several, each that a difference or a ratio is above a bound. It is

- `reproduced` when every statement is shown: the 95% interval of each lies above its bound. The
  claim is false if one statement is, so that nothing has to be corrected for their number
  (intersection-union test, Berger 1982): a false `reproduced` comes in at most 2.5%.
- `not reproduced` when the opposite of any statement is shown: an interval of confidence
  1 - 0.05 / (number of statements) lies below its bound (Bonferroni), so that a false `not
  reproduced` comes in at most 2.5%, too.
- `not decided` otherwise, and with fewer than three trials.

At the budget `smoke` nothing is shown, whatever was measured: it is for seeing that all works, and
its outcome is `smoke run: not a verdict`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ticket_hub.bundle.reproduction_record import SMOKE
from ticket_hub.claims.parts import Statement
from ticket_hub.evidence import Contrast
from ticket_hub.evidence.contrasts import ContrastInterval
from ticket_hub.evidence.statistics import MIN_TRIALS
from ticket_hub.evidence.verdict import ALPHA

__all__ = ["Decided", "Outcome", "decide"]

Outcome: TypeAlias = Literal[
    "reproduced", "not reproduced", "not decided", "smoke run: not a verdict"
]


@dataclass(frozen=True, kw_only=True)
class Decided:
    """A statement with what was measured.

    Attributes:
        statement: that was made.
        contrast: the first side minus the second, with 95% intervals.
        density, density_other: of the two sides, kept weights over prunable weights.
        shown: its 95% interval lies above the bound, with at least three trials.
        opposed: the opposite is shown, corrected for the number of statements.
    """

    statement: Statement
    contrast: Contrast
    density: float
    density_other: float
    shown: bool
    opposed: bool

    @property
    def interval(self) -> ContrastInterval:
        """What was measured in the statement's unit: points, or a ratio."""
        return _in_units(self.statement, self.contrast)


def _in_units(statement: Statement, contrast: Contrast) -> ContrastInterval:
    if statement.measure == "sooner":
        return contrast.sooner
    found = contrast.accuracy
    if statement.analysis:
        return found
    return ContrastInterval(mean=100 * found.mean, low=100 * found.low, high=100 * found.high)


def decide(
    statements: Sequence[Statement],
    measure: Callable[[Statement, float], Contrast],
    densities: Callable[[Statement], tuple[float, float]] = lambda _: (1.0, 1.0),
    *,
    smoke: bool = False,
) -> tuple[Outcome, tuple[Decided, ...]]:
    """Decide a claim.

    Args:
        measure: what was measured for a statement, at a confidence.
        densities: of the two sides of a statement.
        smoke: of a run that can decide nothing.

    Raises:
        EvidenceError: a value is not finite.
    """
    decided = []
    for statement in statements:
        plain = measure(statement, 1 - ALPHA)
        single = len(statements) == 1  # there is nothing to correct, and the contrast is the same
        strict = plain if single else measure(statement, 1 - ALPHA / len(statements))
        enough = not smoke and min(plain.n, plain.n_other) >= MIN_TRIALS
        density, density_other = densities(statement)
        decided.append(
            Decided(
                statement=statement,
                contrast=plain,
                density=density,
                density_other=density_other,
                shown=enough and _in_units(statement, plain).low > statement.above,
                opposed=enough and _in_units(statement, strict).high < statement.above,
            )
        )
    if smoke:
        return SMOKE, tuple(decided)
    if all(each.shown for each in decided):
        return "reproduced", tuple(decided)
    opposed = any(each.opposed for each in decided)
    return "not reproduced" if opposed else "not decided", tuple(decided)
