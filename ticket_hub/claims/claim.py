"""What a claim is: a frozen value, read from TOML, that says everything but how long to train."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from ticket_hub.durable import canonical_json
from ticket_hub.errors import RecipeError
from ticket_hub.recipe.spec import LATER
from ticket_hub.recipe.tables import build, to_table
from ticket_hub.registry import nearest

__all__ = ["Claim", "Experiment", "Measure", "Search", "Side", "Statement"]

Measure: TypeAlias = Literal["accuracy", "sooner", "gap"]
"""`accuracy`: test accuracy at the early stop, the first side minus the second, in points.
`sooner`: iteration of the early stop, the second side over the first. `gap`: training accuracy
minus test accuracy at the end of training, the first side minus the second, in points."""

DENSE = "dense"
_SIDE = re.compile(r"(?P<study>[\w.-]+):(?P<network>[\w-]+)(?:@(?P<density>[0-9.eE+-]+))?")
_REMEDY = "docs/commands/reproduce.md shows a whole claim."


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


@dataclass(frozen=True, kw_only=True)
class Search:
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
    """

    tickets: str
    densities: tuple[float, ...]
    against: tuple[str, ...]
    dataset: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict, metadata=LATER)


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One comparison that the claim makes.

    Attributes:
        says: the statement in words.
        measure: what is compared.
        first, second: the sides; see `Side`.
        above: the claim is that the difference (points) or the ratio is above this.
        published: what the paper reports, in the same unit; None where it gives no number.
    """

    says: str
    measure: Measure
    first: str
    second: str
    above: float
    published: float | None = None


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A claim of a paper.

    Attributes:
        name: for addresses and folders.
        number: in the list that the packaged claims follow; None for claims of other papers.
        title: the claim in one sentence.
        source: where it is made.
        published: the paper's own numbers, in words.
        searches, experiments: by name, what has to be trained; an experiment trains tickets of a
            search.
        statements: what is compared. The claim is reproduced where all of them are shown.
        budgets: by name, fields of every recipe: how long and how often to train. A table with
            the name of a search holds for that search alone.
    """

    name: str
    number: int | None = None
    title: str
    source: str
    published: str = ""
    searches: Mapping[str, Search]
    experiments: Mapping[str, Experiment] = field(default_factory=dict)
    statements: tuple[Statement, ...]
    budgets: Mapping[str, Mapping[str, Any]]

    def __post_init__(self) -> None:
        """Refuse what does not hold together."""
        if not self.searches or not self.statements or not self.budgets:
            raise RecipeError(
                f"The claim {self.name} lacks searches, statements or budgets.", _REMEDY
            )
        both = sorted(set(self.searches) & set(self.experiments))
        if both:
            raise RecipeError(
                f"{both[0]!r} names a search and an experiment.", "Give each a name of its own."
            )
        for experiment in self.experiments.values():
            self._known(experiment.tickets, list(self.searches), "search")
        for statement in self.statements:
            if not math.isfinite(statement.above):
                raise RecipeError(f"Nothing is above {statement.above}.", "Give a finite number.")
            for text in (statement.first, statement.second):
                studies = [*self.searches, *self.experiments]
                self._known(Side.parse(text).study, studies, "search or experiment")

    def _known(self, name: str, names: list[str], what: str) -> None:
        if name not in names:
            raise RecipeError(
                f"The claim {self.name} has no {what} {name!r}.",
                f"The nearest is {nearest(name, names)!r}." if names else _REMEDY,
            )

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> Claim:
        """Build one from plain values, as TOML gives them.

        Raises:
            RecipeError: an unknown key, an impossible value, or parts that do not fit together.
        """
        parts = dict(table)
        for key, kind in (("searches", Search), ("experiments", Experiment)):
            given = parts.get(key, {})
            if not isinstance(given, Mapping):
                raise RecipeError(f"{key} is no table.", _REMEDY)
            parts[key] = {name: _part(kind, f"{key}.{name}", each) for name, each in given.items()}
        statements = parts.get("statements", ())
        if not isinstance(statements, list | tuple):
            raise RecipeError("statements is no list of tables.", _REMEDY)
        parts["statements"] = tuple(
            _part(Statement, f"statements[{place}]", each) for place, each in enumerate(statements)
        )
        known = set(cls.__dataclass_fields__)
        for key in parts.keys() - known:
            raise RecipeError(
                f"There is no key {key[:80]!r} in a claim.",
                f"The nearest valid key is {nearest(key, sorted(known))!r}. {_REMEDY}",
            )
        lacking = {"name", "title", "source", "searches", "statements", "budgets"} - parts.keys()
        if lacking:
            raise RecipeError(f"The claim says no {min(lacking)}.", _REMEDY)
        _check_kinds(parts)
        return cls(**parts)

    def to_table(self) -> dict[str, Any]:
        """Plain values; `from_table` gives the claim back."""
        parts = {
            key: {name: to_table(each) for name, each in getattr(self, key).items()}
            for key in ("searches", "experiments")
        }
        budgets = {name: dict(each) for name, each in self.budgets.items()}
        facts = {key: getattr(self, key) for key in ("name", "number", "title", "source")}
        statements = [to_table(each) for each in self.statements]
        return (
            facts
            | {"published": self.published}
            | parts
            | {"statements": statements, "budgets": budgets}
        )

    @property
    def digest(self) -> str:
        """sha256 over what decides: searches, experiments, statements and budgets."""
        table = self.to_table()
        decisive = {k: table[k] for k in ("searches", "experiments", "statements", "budgets")}
        return hashlib.sha256(canonical_json(decisive)).hexdigest()


def _part(kind: type[Any], where: str, table: object) -> Any:  # noqa: ANN401 - of the kind given
    if not isinstance(table, Mapping):
        raise RecipeError(f"{where} is no table.", _REMEDY)
    changes = table.get("changes")  # of a recipe, which checks them itself
    if changes is not None and (kind is Statement or not isinstance(changes, Mapping)):
        raise RecipeError(f"changes cannot stand in {where} of the claim.", _REMEDY)
    try:
        built = build(kind, {key: value for key, value in table.items() if key != "changes"})
        return replace(built, changes=changes) if changes else built
    except RecipeError as error:
        raise RecipeError(f"In {where} of the claim: {error.problem}", _REMEDY) from error


def _check_kinds(parts: Mapping[str, Any]) -> None:
    for key in ("name", "title", "source", "published"):
        if not isinstance(parts.get(key, ""), str):
            raise RecipeError(f"{key} of a claim is text.", _REMEDY)
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]{0,63}", parts["name"]):
        raise RecipeError(
            f"A claim cannot be named {parts['name'][:80]!r}.",
            "Use letters, digits, dashes, dots and underscores, at most 64.",
        )
    number = parts.get("number")
    if number is not None and (isinstance(number, bool) or not isinstance(number, int)):
        raise RecipeError("number of a claim is a whole number.", _REMEDY)
    budgets = parts["budgets"]
    if not isinstance(budgets, Mapping) or not all(
        isinstance(b, Mapping) for b in budgets.values()
    ):
        raise RecipeError("budgets of a claim are tables of recipe fields.", _REMEDY)
