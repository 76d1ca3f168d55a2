"""Every analysis by its name: what it shows, what it needs, and the function that makes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ticket_hub.analysis.connecting import ORDERS, InterpolationSettings, search_interpolation
from ticket_hub.analysis.degrees import Degrees, measure_degrees
from ticket_hub.analysis.density import Density, measure_density
from ticket_hub.analysis.disturbing import NoiseSettings, search_noise
from ticket_hub.analysis.flops import Flops, measure_flops
from ticket_hub.analysis.interpolation import Interpolation
from ticket_hub.analysis.movement import Movement
from ticket_hub.analysis.moving import MovementSettings, search_movement
from ticket_hub.analysis.noise import MULTIPLES, Noise
from ticket_hub.analysis.overlap import Overlap, measure_overlap
from ticket_hub.analysis.subject import Subject
from ticket_hub.analysis.units import Units, measure_units
from ticket_hub.analysis.values import Values, measure_values
from ticket_hub.errors import RecipeError
from ticket_hub.recipe import Recipe
from ticket_hub.registry import there_are

__all__ = ["CATALOGUE", "GROUPS", "Analysis", "chosen"]


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """One row of the catalogue.

    Attributes:
        name: what `--only` takes.
        title: for people.
        result: the frozen dataclass that it gives.
        make: from the tickets of one level to the result.
        networks: how many are trained for it, for each trial; 0 trains none. Of `movement` one,
            where the search's own cannot be read.
        needs_dense: whether it needs the dense theta0, not only the survivors.
        with_dense: whether the dense network is analysed too, as level 0.
        settings: what besides the tickets decides the result: a frozen dataclass, from the recipe.
    """

    name: str
    title: str
    result: type
    make: Callable[[Subject], Any]
    networks: int = 0
    needs_dense: bool = False
    with_dense: bool = False
    settings: Callable[[Recipe], Any] | None = None

    @property
    def trains(self) -> bool:
        """Whether networks are trained for it."""
        return self.networks > 0


def _density(subject: Subject) -> Density:
    return measure_density(subject.layers, [ticket.mask for ticket in subject.tickets])


def _overlap(subject: Subject) -> Overlap:
    masks = {f"trial {ticket.trial}": ticket.mask for ticket in subject.tickets}
    others = {
        f"{other.title}, trial {trial}": (
            f"trial {trial}",
            other.source.bundle.mask(other.level, trial),
        )
        for other in subject.others
        for trial in subject.trials
        if trial in other.source.trials
    }
    return measure_overlap(masks, others)


def _units(subject: Subject) -> Units:
    return measure_units(subject.architecture, [ticket.mask for ticket in subject.tickets])


def _degrees(subject: Subject) -> Degrees:
    return measure_degrees(subject.architecture, [ticket.mask for ticket in subject.tickets])


def _flops(subject: Subject) -> Flops:
    return measure_flops(subject.architecture, [ticket.mask for ticket in subject.tickets])


def _values(subject: Subject) -> Values:
    return measure_values(
        [ticket.theta0 for ticket in subject.tickets], [ticket.mask for ticket in subject.tickets]
    )


CATALOGUE: tuple[Analysis, ...] = (
    Analysis(name="density", title="Density by layer", result=Density, make=_density),
    Analysis(name="overlap", title="Overlap of masks", result=Overlap, make=_overlap),
    Analysis(name="units", title="Dead units", result=Units, make=_units),
    Analysis(name="degrees", title="Connections of units", result=Degrees, make=_degrees),
    Analysis(name="flops", title="Operations", result=Flops, make=_flops),
    Analysis(name="values", title="Initial values", result=Values, make=_values, needs_dense=True),
    Analysis(
        name="movement",
        title="How far weights move",
        result=Movement,
        make=search_movement,
        networks=1,
        needs_dense=True,
        settings=MovementSettings.of,
    ),
    Analysis(
        name="interpolation",
        title="Linear mode connectivity",
        result=Interpolation,
        make=search_interpolation,
        networks=len(ORDERS),
        with_dense=True,
        settings=InterpolationSettings.of,
    ),
    Analysis(
        name="noise",
        title="Noise on the initial values",
        result=Noise,
        make=search_noise,
        networks=len(MULTIPLES) + 1,
        settings=NoiseSettings.of,
    ),
)
"""In the order of the report."""

GROUPS = ("quick", "training")
"""Names that stand for several analyses: those that train nothing, and those that do."""


def chosen(names: Sequence[str]) -> tuple[Analysis, ...]:
    """The analyses that some names stand for, in the order of the catalogue; all without a name.

    Raises:
        RecipeError: there is no such analysis; the nearest is named.
    """
    known = [each.name for each in CATALOGUE]
    for name in names:
        if name not in {*known, *GROUPS}:
            raise RecipeError(
                f"There is no analysis {name[:100]!r}.", there_are(name, [*known, *GROUPS])
            )
    return tuple(
        each
        for each in CATALOGUE
        if not names or each.name in names or GROUPS[each.trains] in names
    )
