"""What an importer has found, and what a user may tell it, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ticket_hub.recipe import PartialRecipe, Recipe
from ticket_hub.types import Architecture, Mask, Option, Weights

__all__ = ["Hints", "ImportedTickets", "ImportedTrial"]


@dataclass(frozen=True, kw_only=True)
class Hints:
    """What the source does not say and the user may know.

    Attributes:
        recipe: how the tickets were found, or the nearest to it.
        network: a name of the registry; with it, shape and classes.
        options: of that network, such as `width`.
        input_shape: `(channels, height, width)` of one image.
        classes: number of outputs.
        masks: files of masks, by rising level from 1 on.
        theta0: a file of dense starting weights.
        start: the iteration that theta0 is of.
    """

    recipe: Recipe | None = None
    network: str | None = None
    options: Mapping[str, Option] = field(default_factory=dict)
    input_shape: tuple[int, int, int] | None = None
    classes: int | None = None
    masks: tuple[Path, ...] = ()
    theta0: Path | None = None
    start: int | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class ImportedTrial:
    """One repetition, in the names of our network.

    Attributes:
        theta0: the dense state dict that survivors start from.
        masks: level -> mask; level 0 need not be there, since it is dense.
    """

    theta0: Weights
    masks: Mapping[int, Mask]


@dataclass(frozen=True, kw_only=True, eq=False)
class ImportedTickets:
    """A search of another system, as far as its files tell.

    Attributes:
        system: such as `open_lth`.
        source: where it was, as a text for people; never a path of this machine.
        architecture: the network of ours that has its structure.
        recipe: how it was made, as far as that is known; None where nothing is.
        mean, std: what inputs were normalized with, per channel; None where that is unknown.
        start: the iteration that theta0 is of.
        trials: the repetitions.
        notes: what a reader must know about the import, one sentence each.
    """

    system: str
    source: str
    architecture: Architecture
    recipe: Recipe | PartialRecipe | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    start: int = 0
    trials: tuple[ImportedTrial, ...]
    notes: tuple[str, ...] = ()
