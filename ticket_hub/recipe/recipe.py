"""A recipe: everything that is needed to repeat a search. Its digest names the run.

A recipe is frozen, built of plain values, and never imports torch.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from ticket_hub.durable import canonical_json
from ticket_hub.errors import RecipeError
from ticket_hub.recipe.axes import check_names
from ticket_hub.recipe.pruning_spec import PART_OF, PruningSpec
from ticket_hub.recipe.rules import check_name, check_specs
from ticket_hub.recipe.spec import DataSpec, NetworkSpec, SearchSpec, TrainingSpec, default_init
from ticket_hub.recipe.tables import build, key_paths, to_table, unknown_key
from ticket_hub.recipe.toml import toml_text

__all__ = ["PARTS", "PartialRecipe", "Recipe", "recipe_of"]

Table: TypeAlias = Mapping[str, Any]
R = TypeVar("R", "Recipe", "PartialRecipe")
PARTS = ("network", "data", "training", "pruning", "search")
"""What a recipe says of a search."""
MAX_SWEEP = 1000
"""Settings."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that is needed to repeat a search.

    Attributes:
        name: for people; not part of the digest.
        about: one sentence; not part of the digest.
    """

    name: str
    about: str = ""
    network: NetworkSpec
    data: DataSpec
    training: TrainingSpec
    pruning: PruningSpec
    search: SearchSpec

    def __post_init__(self) -> None:
        """Refuse values that cannot be."""
        check_name(self.name)
        check_specs(self.network, self.data, self.training, self.pruning, self.search)

    @classmethod
    def from_table(cls, table: Table) -> Recipe:
        """Build a recipe from plain values, as TOML or JSON gives them.

        Names that only a plugin knows are taken as they are.

        Raises:
            RecipeError: an unknown key (the nearest valid one is named) or an impossible value.
        """
        return build(cls, _with_source(table))

    def to_table(self) -> dict[str, Any]:
        """Plain values; `from_table` gives the recipe back."""
        return to_table(self)

    def to_toml(self) -> str:
        """The whole recipe, defaults included, as a file that `load_recipe` reads."""
        return toml_text(self.to_table())

    def replace(self, changes: Table) -> Recipe:
        """A recipe with some fields changed: `{"training.iterations": 20000}`.

        Another `network.name` brings its own default `network.init` along, unless that is given
        too, or was not the default of the network before. So do `network.weights`, where there were
        none, with `data.normalize`.

        Raises:
            RecipeError: an unknown key or name (the nearest is named), or an impossible value.
        """
        return _replaced(self, changes)

    def sweep(self, settings: Mapping[str, Sequence[Any]]) -> dict[str, Recipe]:
        """One recipe for each combination of values, by what tells it: `training.lr=0.01`.

        Args:
            settings: key -> its values, as `replace` takes them.

        Raises:
            RecipeError: a key without values, two combinations that are the same search, more than
                `MAX_SWEEP` of them, or as `replace`.
        """
        found: dict[str, Recipe] = {}
        count = math.prod(map(len, settings.values()))
        if not settings or not 1 <= count <= MAX_SWEEP:
            raise RecipeError(
                f"A sweep of {count} settings cannot be.", f"Give 1 to {MAX_SWEEP} of them."
            )
        for values in itertools.product(*settings.values()):
            changes = dict(zip(settings, values, strict=True))
            found[", ".join(f"{key}={_shown(value)}" for key, value in changes.items())] = (
                self.replace(changes)
            )
        digests = [recipe.digest for recipe in found.values()]
        if len(set(digests)) < count:
            raise RecipeError(
                "Two settings of the sweep are the same search.", "Give each value once."
            )
        return found

    @property
    def digest(self) -> str:
        """The sha256 of the canonical JSON of everything but `name` and `about`.

        A rate of 0 is left out: that a kind is never pruned is the same search, said or not. So is
        that of a `stem` which is the rate of `conv`.
        """
        return _digest(self.to_table())

    @property
    def run_name(self) -> str:
        """The name of the run's folder: the recipe's name and 12 digits of its digest."""
        return f"{self.name}-{self.digest[:12]}"


@dataclass(frozen=True, kw_only=True)
class PartialRecipe:
    """What is known of a search that another system made: a part that is not known is None.

    Attributes:
        name: for people; not part of the digest.
        about: one sentence; not part of the digest.
        network, data, training, pruning, search: as in `Recipe`, or None.
    """

    name: str
    about: str = ""
    network: NetworkSpec | None = None
    data: DataSpec | None = None
    training: TrainingSpec | None = None
    pruning: PruningSpec | None = None
    search: SearchSpec | None = None

    def __post_init__(self) -> None:
        """Refuse values that cannot be, and a recipe of which everything is known."""
        check_name(self.name)
        check_specs(self.network, self.data, self.training, self.pruning, self.search)
        if not self.unknown:
            raise RecipeError("No part of this recipe is unknown.", "Make a `Recipe` of it.")

    @property
    def unknown(self) -> tuple[str, ...]:
        """The parts that are not known."""
        return tuple(part for part in PARTS if getattr(self, part) is None)

    def to_table(self) -> dict[str, Any]:
        """Plain values, None for what is not known; `recipe_of` gives the recipe back."""
        return to_table(self)

    def to_toml(self) -> str:
        """What is known, as TOML; what is not stands in comments, so that no search reads it."""
        table = {key: value for key, value in self.to_table().items() if value is not None}
        return toml_text(table) + "".join(f"\n# {part}: unknown\n" for part in self.unknown)

    def replace(self, changes: Table) -> PartialRecipe:
        """The same with some fields changed, of the parts that are known.

        Raises:
            RecipeError: as `Recipe.replace`.
        """
        return _replaced(self, changes)

    @property
    def digest(self) -> str:
        """The sha256 of the canonical JSON of everything but `name`, `about` and rates of 0."""
        return _digest(self.to_table())

    @property
    def run_name(self) -> str:
        """The name of the run's folder: the recipe's name and 12 digits of its digest."""
        return f"{self.name}-{self.digest[:12]}"


def recipe_of(table: Table) -> Recipe | PartialRecipe:
    """A recipe from plain values; one with a part that is None is a `PartialRecipe`.

    Raises:
        RecipeError: as `Recipe.from_table`.
    """
    if any(part in table and table[part] is None for part in PARTS):
        return build(PartialRecipe, table)
    return build(Recipe, table)


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _replaced(recipe: R, changes: Table) -> R:
    table, network = recipe.to_table(), recipe.network
    if network and "network.name" in changes and network.init == default_init(network.name):
        del table["network"]["init"]
    if recipe.data is not None:
        if network and changes.get("network.weights") and not network.weights:
            usual = recipe.data.normalize == "unit"
            changes = {"data.normalize": "source"} | dict(changes) if usual else changes
        if {"network.weights", "data.normalize"} & set(changes):  # of another source, or of none
            for key in ("mean", "std"):
                table["data"].pop(key, None)
    for path, value in changes.items():
        *parents, last = path.split(".")
        place = table
        for parent in parents:
            place = place.get(parent) if isinstance(place, dict) else None  # type: ignore[assignment]
        if not isinstance(place, dict):
            raise unknown_key(path, key_paths(Recipe))
        place[last] = value
    changed = build(type(recipe), table)
    check_names(changed.to_table(), changes)
    return changed


def _with_source(table: Table) -> Table:
    """The same, with the default of `data.normalize` where it begins with pretrained weights."""
    network, data = table.get("network"), table.get("data")
    if not (isinstance(network, Mapping) and isinstance(data, Mapping)):
        return table
    if not network.get("weights") or "normalize" in data:
        return table
    return {**table, "data": {**data, "normalize": "source"}}


def _digest(table: dict[str, Any]) -> str:
    del table["name"], table["about"]
    if table["pruning"] is not None:
        rates = table["pruning"]["rates"]
        unnamed = {kind: rates.get(whole, 0) for kind, whole in PART_OF.items()}
        rates = {kind: rate for kind, rate in rates.items() if rate != unnamed.get(kind, 0)}
        table["pruning"]["rates"] = rates
    return hashlib.sha256(canonical_json(table)).hexdigest()
