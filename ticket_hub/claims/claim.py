"""What a claim is: a frozen value, read from TOML, that says everything but how long to train."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ticket_hub.bundle.reproduction_record import claim_digest
from ticket_hub.claims.parts import (
    MEASURES,
    ClaimSearch,
    Experiment,
    Inspection,
    Statement,
)
from ticket_hub.errors import RecipeError
from ticket_hub.recipe.tables import build, to_table
from ticket_hub.registry import nearest

__all__ = ["Claim"]

_REMEDY = "docs/commands/reproduce.md shows a whole claim."


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A claim of a paper.

    Attributes:
        name: for addresses and folders.
        number: of a packaged claim; 1 to 28 follow a list of the lottery ticket paper's.
        title: the claim in one sentence.
        source: where it is made.
        published: the paper's own numbers, in words.
        searches, experiments: by name, what has to be trained; an experiment trains tickets of a
            search.
        analyses: by name, which tickets of a search are analysed.
        statements: what is compared. The claim is reproduced where all of them are shown.
        budgets: by name, fields of every recipe: how long and how often to train. A table with
            the name of a search holds for that search alone. In a file, `extends` takes over what
            another budget says.
    """

    name: str
    number: int | None = None
    title: str
    source: str
    published: str = ""
    searches: Mapping[str, ClaimSearch]
    experiments: Mapping[str, Experiment] = field(default_factory=dict)
    analyses: Mapping[str, Inspection] = field(default_factory=dict)
    statements: tuple[Statement, ...]
    budgets: Mapping[str, Mapping[str, Any]]

    def __post_init__(self) -> None:
        """Refuse what does not hold together."""
        if not self.searches or not self.statements or not self.budgets:
            raise RecipeError(
                f"The claim {self.name} lacks searches, statements or budgets.", _REMEDY
            )
        names = [*self.searches, *self.experiments, *self.analyses]
        both = sorted(name for name in names if names.count(name) > 1)
        if both:
            raise RecipeError(
                f"{both[0]!r} names two of the searches, experiments and analyses.",
                "Give each a name of its own.",
            )
        for asked in (self.experiments, self.analyses):
            for part in asked.values():
                self._known(part.tickets, list(self.searches), "search")
        for statement in self.statements:
            self._check(statement)

    def _check(self, statement: Statement) -> None:
        if not math.isfinite(statement.above):
            raise RecipeError(f"Nothing is above {statement.above}.", "Give a finite number.")
        if statement.analysis and "." not in statement.measure:
            raise RecipeError(
                f"There is no measure {statement.measure[:80]!r}.",
                f"Take {', '.join(MEASURES)}, or ANALYSIS.MEASURE.",
            )
        for side in statement.sides:
            studies = [*self.searches, *self.experiments]
            named = list(self.analyses) if statement.analysis else studies
            what = "analysis" if statement.analysis else "search or experiment"
            self._known(side.study, named, what)
        if not statement.analysis:
            return
        inspection = self.analyses[statement.sides[0].study]
        if statement.analysis != inspection.only or statement.second:
            raise RecipeError(
                f"{statement.measure!r} is no measure of {statement.first} alone.",
                f"Take {', '.join(MEASURES)}, or {inspection.only}.NAME without a second side.",
            )

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
        for key, kind in _TABLES.items():
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
        parts["budgets"] = {name: _extended(parts["budgets"], name) for name in parts["budgets"]}
        return cls(**parts)

    def to_table(self) -> dict[str, Any]:
        """Plain values; `from_table` gives the claim back."""
        parts = {
            key: {name: to_table(each) for name, each in getattr(self, key).items()}
            for key in _TABLES
            if getattr(self, key) or key != "analyses"  # which came later
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

    def densities_of(self, search: str) -> tuple[float, ...]:
        """Of the tickets of a search that the claim is about."""
        asked: list[Experiment | Inspection] = [
            *self.experiments.values(),
            *self.analyses.values(),
        ]
        found = [each for part in asked if part.tickets == search for each in part.densities]
        sides = [side for statement in self.statements for side in statement.sides]
        found += [side.density for side in sides if side.study == search and side.density]
        return tuple(dict.fromkeys(found))

    @property
    def digest(self) -> str:
        """sha256 over what decides: all that is trained, analysed and stated, and the budgets."""
        return claim_digest(self.to_table())


_TABLES = {"searches": ClaimSearch, "experiments": Experiment, "analyses": Inspection}


def _part(kind: type[Any], where: str, table: object) -> Any:  # noqa: ANN401 - of the kind given
    if not isinstance(table, Mapping):
        raise RecipeError(f"{where} is no table.", _REMEDY)
    changes = table.get("changes")  # of a recipe, which checks them itself
    if changes is not None and (
        kind not in {ClaimSearch, Experiment} or not isinstance(changes, Mapping)
    ):
        raise RecipeError(f"changes cannot stand in {where} of the claim.", _REMEDY)
    try:
        built = build(kind, {key: value for key, value in table.items() if key != "changes"})
        return replace(built, changes=changes) if changes else built
    except RecipeError as error:
        raise RecipeError(f"In {where} of the claim: {error.problem}", _REMEDY) from error


def _extended(budgets: Mapping[str, Mapping[str, Any]], name: str) -> dict[str, Any]:
    """A budget with what the one that it extends says, and so on."""
    found, before = dict(budgets[name]), [name]
    while (base := found.pop("extends", None)) is not None:
        if base in before or base not in [*budgets]:  # which may be of any type
            raise RecipeError(
                f"The budget {before[-1]!r} of a claim cannot extend {str(base)[:80]!r}.",
                "Name another budget of the claim, which does not extend this one.",
            )
        found = dict(budgets[base]) | found
        before.append(base)
    return found


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
    # In Python True is an int.
    if number is not None and (isinstance(number, bool) or not isinstance(number, int)):
        raise RecipeError("number of a claim is a whole number.", _REMEDY)
    budgets = parts["budgets"]
    if not isinstance(budgets, Mapping) or not all(
        isinstance(b, Mapping) for b in budgets.values()
    ):
        raise RecipeError("budgets of a claim are tables of recipe fields.", _REMEDY)
