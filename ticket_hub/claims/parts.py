"""What a claim is made of: searches, experiments and analyses, and statements about them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ticket_hub.errors import RecipeError
from ticket_hub.recipe.spec import LATER

__all__ = ["MEASURES", "ClaimSearch", "Experiment", "Inspection", "Side", "Statement"]

MEASURES = ("accuracy", "sooner", "gap")
"""`accuracy`: test accuracy at the early stop, the first side minus the second, in points.
`sooner`: iteration of the early stop, the second side over the first. `gap`: training accuracy
minus test accuracy at the end of training, the first side minus the second, in points. Any other
is of an analysis, `ANALYSIS.MEASURE`, and of one side: see `ticket_hub.analysis.measure`."""

DENSE = "dense"
_SIDE = re.compile(r"(?P<study>[\w.-]+):(?P<network>[\w-]+)(?:@(?P<density>[0-9.eE+-]+))?")


@dataclass(frozen=True, kw_only=True)
class Side:
    """One side of a comparison: `STUDY:NETWORK@DENSITY`, or `STUDY:dense`.

    Attributes:
        study: the name of a search or an experiment of the claim.
        network: `ticket`, `dense`, or a control that was trained in it.
        density: kept weights over prunable weights; None of the dense network.
    """

    study: str
    network: str
    density: float | None

    @classmethod
    def parse(cls, text: str) -> Side:
        """Read one.

        Raises:
            RecipeError: it is none.
        """
        found = _SIDE.fullmatch(text)
        density = float(found["density"]) if found and found["density"] else None
        if found is None or (density is None) != (found["network"] == DENSE):
            raise RecipeError(
                f"{text[:80]!r} names no side of a comparison.",
                "Write STUDY:NETWORK@DENSITY, such as `lenet:ticket@0.036`, or STUDY:dense.",
            )
        if density is not None and not 0 < density <= 1:
            raise RecipeError(
                f"There is no density {density:g}.", "It is the part of the weights that is left."
            )
        return cls(study=found["study"], network=found["network"], density=density)

    def __str__(self) -> str:
        """As `parse` reads it."""
        return f"{self.study}:{self.network}" + (f"@{self.density:g}" if self.density else "")


@dataclass(frozen=True, kw_only=True)
class ClaimSearch:
    """Tickets that the claim is about.

    Attributes:
        recipe: a packaged recipe, or the path of a .toml file.
        changes: fields that differ from it, by dotted keys; they win over the budget's.
    """

    recipe: str
    changes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Tickets of a search, trained anew beside controls.

    Attributes:
        tickets: the name of the search.
        densities: of the levels, kept weights over prunable weights.
        against: the controls.
        dataset: what to train on; empty for what the tickets were found on.
        changes: fields of the recipe that differ, `training.` and `data.` only.
        reinits: how often controls that draw something are drawn for each ticket.
    """

    tickets: str
    densities: tuple[float, ...]
    against: tuple[str, ...]
    dataset: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict, metadata=LATER)
    reinits: int = field(default=1, metadata=LATER)


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """Tickets of a search that are analysed; see `ticket_hub.analyze`.

    Attributes:
        tickets: the name of the search.
        densities: of the levels, kept weights over prunable weights.
        only: the name of the analysis.
    """

    tickets: str
    densities: tuple[float, ...]
    only: str


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One comparison that the claim makes.

    Attributes:
        says: the statement in words.
        measure: what is compared.
        first, second: the sides; see `Side`. A measure of an analysis has no second.
        above: the claim is that the difference (points) or the ratio is above this.
        published: what the paper reports, in the same unit; None where it gives no number.
        layer: of which the measure is, where it is of a layer: its parameter's name.
    """

    says: str
    measure: str
    first: str
    second: str = ""
    above: float
    published: float | None = None
    layer: str = field(default="", metadata=LATER)

    @property
    def analysis(self) -> str:
        """The analysis that the measure is of; empty where both sides were trained."""
        return self.measure.partition(".")[0] if self.measure not in MEASURES else ""

    @cached_property
    def sides(self) -> tuple[Side, ...]:
        """One side or both, read once.

        Raises:
            RecipeError: a text names none.
        """
        return tuple(map(Side.parse, (self.first,) if self.analysis else (self.first, self.second)))
