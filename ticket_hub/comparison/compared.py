"""Studies beside each other: what differs between them, and the first against every other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ticket_hub.comparison.ladder import Measured, MeasuredLadder
from ticket_hub.comparison.plain import plain
from ticket_hub.comparison.studies import Study, StudyLevel, judge_studies
from ticket_hub.comparison.tables import runs_table
from ticket_hub.errors import EvidenceError
from ticket_hub.evidence import Contrast, Outcome, Pairing, Rule, contrast
from ticket_hub.evidence.counts import number_of
from ticket_hub.evidence.rule import USUAL
from ticket_hub.showing import Shown, View
from ticket_hub.transfer.spec import DENSE

__all__ = ["Between", "Compared", "Term", "compare_studies", "is_near", "nearest"]

TOLERANCE = 0.1
"""Densities of two runs are compared where they are at most a tenth apart, as addresses take it."""


@dataclass(frozen=True, kw_only=True)
class Term:
    """Something that has to agree for a fair comparison, and does not, or is not known.

    Attributes:
        name: dotted key, such as `data.name` or `trials`.
        values: of each run, by its label; None where it is not known.
    """

    name: str
    values: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Between:
    """One network of a run minus the same kind of network of the first run, at one density.

    Attributes:
        label: of the run.
        network: `ticket`, a control, or `dense`.
        level, first_level: of the run and of the first; 0 for the dense network.
        density, first_density: of the two networks.
        contrast: the difference.
        reason: why it is paired, or why it is not.
    """

    label: str
    network: str
    level: int
    first_level: int
    density: float
    first_density: float
    contrast: Contrast
    reason: str


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Compared(Shown):
    """What `ticket_hub.compare` finds.

    Attributes:
        studies: by label: `A`, `B`, ... in the order given.
        differing: what does not agree between the runs; empty if the comparison is fair.
        between: every later run against the first, at densities that both have.
        rule: by what all verdicts were made, as one family.
    """

    studies: Mapping[str, Study]
    differing: tuple[Term, ...]
    between: tuple[Between, ...]
    rule: Rule = USUAL

    def _view(self) -> View:
        fair = "fair" if self.fair else f"not fair: {', '.join(t.name for t in self.differing)}"
        runs = {label: study.name for label, study in self.studies.items()}
        return View(
            title=f"{number_of(len(self.studies), 'run')} beside each other, {fair}",
            facts={"runs": runs, "family": self.family},
            table=runs_table(self),
            code="compared.to_table()",
        )

    @property
    def family(self) -> int:
        """How many comparisons with controls are corrected for together."""
        levels = [level for study in self.studies.values() for level in study.levels]
        # Each verdict says the size of the one family that all were judged in; some levels have
        # none.
        return max((level.verdict.family for level in levels if level.verdict), default=0)

    @property
    def fair(self) -> bool:
        """Whether the runs agree in everything but their tickets and seeds."""
        return not self.differing

    def ladders(self) -> dict[str, MeasuredLadder]:
        """By the runs' labels, what can be drawn against density."""
        found = {label: study.ladder() for label, study in self.studies.items()}
        return {label: each for label, each in found.items() if each is not None and each.series}

    def to_table(self) -> dict[str, Any]:
        """Plain JSON values, format 1; see `docs/commands/compare.md`."""
        return plain(self)


def compare_studies(studies: Sequence[Study], rule: Rule = USUAL) -> Compared:
    """Put studies beside each other, and judge all their levels as one family.

    Raises:
        RecipeError: the rule cannot be.
        EvidenceError: there is none, or nothing was measured in one.
    """
    if not studies:
        raise EvidenceError("There is nothing to compare.", "Name one run or more.")
    for study in studies:
        if not study.levels and study.dense is None:
            raise EvidenceError(
                f"{study.name} has no measurements.",
                "Train its tickets with `ticket retrain`, or compare the run it was found in.",
            )
    rule.check()
    judged = judge_studies(studies, rule)
    labelled = {_label(place): study for place, study in enumerate(judged)}
    first, *others = labelled
    return Compared(
        studies=labelled,
        differing=tuple(_differing(labelled)),
        between=tuple(
            found for label in others for found in _against(labelled[first], labelled[label], label)
        ),
        rule=rule,
    )


def _label(place: int) -> str:
    """`A` to `Z`, then `AA`, `AB`, ..."""
    text = chr(ord("A") + place % 26)
    return text if place < 26 else _label(place // 26 - 1) + text  # noqa: PLR2004 - letters


def _differing(studies: Mapping[str, Study]) -> Iterator[Term]:
    names = dict.fromkeys(name for study in studies.values() for name in study.terms)
    for name in names:
        values = {label: study.terms.get(name) for label, study in studies.items()}
        known = list(values.values())
        # What is not known may differ, so it is not called fair.
        if len(known) > 1 and any(value is None or value != known[0] for value in known):
            yield Term(name=name, values=values)


def _against(first: Study, other: Study, label: str) -> Iterator[Between]:
    for left, right in _matched(first, other):
        for name in right:
            if name in left:
                pairing, reason = _pairing(left[name], right[name])
                yield Between(
                    label=label,
                    network=name,
                    level=right[name].level,
                    first_level=left[name].level,
                    density=right[name].density,
                    first_density=left[name].density,
                    contrast=_contrast(right[name], left[name], pairing),
                    reason=reason,
                )


def _matched(
    first: Study, other: Study
) -> Iterator[tuple[Mapping[str, Measured], Mapping[str, Measured]]]:
    """The dense networks of both, then levels of one density."""
    if first.dense is not None and other.dense is not None:
        yield {DENSE: first.dense}, {DENSE: other.dense}
    for level in other.levels:
        near = nearest(first.levels, level.ticket.density)
        if near is not None:
            yield near.networks, level.networks


def nearest(levels: Sequence[StudyLevel], density: float) -> StudyLevel | None:
    """The level whose tickets have this density, a tenth off at most; None where there is none."""

    def distance(level: StudyLevel) -> float:
        """How far a level's density is from the wanted one, as a ratio."""
        # A level that keeps nothing has density 0, which has no logarithm.
        return abs(math.log(max(level.ticket.density, 1e-12) / max(density, 1e-12)))

    near = min(levels, key=distance, default=None)
    return near if near is not None and is_near(near.ticket.density, density) else None


def is_near(density: float, wanted: float) -> bool:
    """Whether a level of this density is the one that is meant: a tenth off at most."""
    return abs(density - wanted) <= TOLERANCE * wanted


def _pairing(first: Measured, other: Measured) -> tuple[Pairing, str]:
    """Pairs are true only where all trials of the smaller side have their like on the other."""
    orders = set(first.orders), set(other.orders)
    unique = len(orders[0]) == first.n and len(orders[1]) == other.n
    if unique and (orders[0] <= orders[1] or orders[1] <= orders[0]):
        return "data order", "paired: the same examples in the same order"
    # An order begins with the fingerprint of its data: see `terms.batches`.
    data = [{order.split("/")[0] for order in some} for some in orders]
    if data[0] != data[1]:
        return "none", "unpaired: other data"
    return "none", "unpaired: other data orders"


def _contrast(other: Measured, first: Measured, pairing: Pairing) -> Contrast:
    if pairing == "none":
        return contrast(other.outcome, first.outcome, pairing=pairing)
    common = [order for order in other.orders if order in first.orders]
    return contrast(_reordered(other, common), _reordered(first, common), pairing=pairing)


def _reordered(measured: Measured, orders: Sequence[str]) -> Outcome:
    """The outcome of some trials, in the order of `orders`."""
    places = [measured.orders.index(order) for order in orders]
    return Outcome(
        accuracy=tuple(measured.outcome.accuracy[place] for place in places),
        early_stop=tuple(measured.outcome.early_stop[place] for place in places),
        tickets=tuple(measured.outcome.tickets[place] for place in places)
        if measured.outcome.tickets
        else (),
        stops_early=measured.outcome.stops_early,
        draws=measured.outcome.draws,
    )
