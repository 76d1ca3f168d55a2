"""By what a family of comparisons is judged."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ticket_hub.errors import RecipeError
from ticket_hub.recipe.own import ACCURACY, MARGIN, Metric

__all__ = ["ALPHA", "MAX_ALPHA", "REFERENCES", "USUAL", "Rule"]

ALPHA = 0.05
"""Chance of any false word in a family; one-sided half of it for a single test."""
MAX_ALPHA, MAX_MARGIN = 0.5, 0.2
REFERENCES = frozenset({"dense", "dense-pretrained", "finetune", "own"})
"""Controls that a ticket need not beat; it must not be inferior to them by more than the margin."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """By what a family is judged.

    Attributes:
        margin: how far below a reference still is not inferior, as a fraction: 0.002 is 0.2 points;
            of another metric than accuracy in its own unit.
        alpha: chance of any false word in the family.
        beside: p-values (the smaller of both directions, doubled) of comparisons that were asked
            for in the same command and are judged elsewhere, as the other cells of a matrix.
        metric: what was measured.
    """

    margin: float = MARGIN
    alpha: float = ALPHA
    beside: tuple[float, ...] = ()
    metric: Metric = ACCURACY

    @classmethod
    def of(cls, metric: Metric) -> Rule:
        """The usual rule: of another metric than accuracy with its own margin."""
        return USUAL if metric.is_accuracy else cls(margin=metric.margin, metric=metric)

    def to_table(self) -> dict[str, Any]:
        """Plain values, without the metric: that is said where the measurements are."""
        return {"margin": self.margin, "alpha": self.alpha, "beside": list(self.beside)}

    def check(self) -> None:
        """Refuse what cannot be.

        Raises:
            RecipeError: a margin below 0 or above 20 points, or an alpha outside (0, 0.5].
        """
        if not self.metric.is_accuracy:
            replace(self.metric, margin=self.margin)  # which refuses what cannot be
        elif not 0 <= self.margin <= MAX_MARGIN:
            raise RecipeError(
                f"The margin cannot be {self.margin:g}.",
                f"It is a fraction from 0 to {MAX_MARGIN:g}: 0.002 is 0.2 points of accuracy.",
            )
        if not 0 < self.alpha <= MAX_ALPHA:
            raise RecipeError(
                f"Alpha cannot be {self.alpha:g}.",
                f"It is the chance of a false word, above 0 and at most {MAX_ALPHA:g}: 0.05.",
            )

    def coarse_note(self, test_examples: int | None, *, about: str = "") -> str:
        """A warning where one test example weighs more than half of the margin; else empty.

        Args:
            test_examples: how many there are; None where that is not known.
            about: the data set, where it is not clear.
        """
        if not test_examples or not self.metric.is_accuracy or 1 / test_examples <= self.margin / 2:
            return ""
        where = f" of {about}" if about else ""
        return (
            f"One of the {test_examples:,} test examples{where} is {100 / test_examples:.2g} "
            f"points of accuracy, more than half of the margin of {100 * self.margin:g} points: "
            "what is not inferior by so little cannot be measured well here."
        )

    @property
    def confidence(self) -> float:
        """Of the intervals of differences: 95%, less where alpha asks for more daring words."""
        return min(1 - ALPHA, 1 - self.alpha)


USUAL = Rule()
