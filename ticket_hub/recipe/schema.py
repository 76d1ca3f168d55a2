"""The JSON Schema of a recipe's file, for editors: of the specs, their docstrings and names."""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from ticket_hub.recipe.axes import BACKENDS, OPEN
from ticket_hub.recipe.recipe import Recipe

__all__ = ["meanings", "recipe_schema"]

DRAFT = "http://json-schema.org/draft-07/schema#"
"""The newest that editors of TOML read."""

PLAIN = {int: "integer", float: "number", str: "string", bool: "boolean"}


def recipe_schema() -> dict[str, Any]:
    """The JSON Schema (draft 7) of a recipe's file.

    It knows keys, types, closed sets and defaults, and shows the names that are registered here
    as examples, since a plugin may add others. What values may be beyond that (a rate below 1, a
    rewinding step before the end) is checked when the recipe is loaded.
    """
    parts = _object(Recipe, "")
    needed = parts.pop("required")
    properties = parts.pop("properties")
    within = {
        name: {"required": part.pop("required")}
        for name, part in properties.items()
        if "required" in part
    }
    base = {"type": "string", "description": "The recipe that this one changes, by name or path."}
    whole = {"required": [name for name in needed if name != "name"], "properties": within}
    return {
        "$schema": DRAFT,
        "title": "A recipe of Ticket Hub",
        "type": "object",
        "additionalProperties": False,
        "properties": {"extends": base, **properties},
        "if": {"not": {"required": ["extends"]}},
        "then": whole,
    }


def meanings(docstring: str) -> dict[str, str]:
    """What a docstring's list of attributes says of each."""
    found: dict[str, str] = {}
    names: list[str] = []
    for line in docstring.partition("Attributes:\n")[2].splitlines():
        if line.startswith(" " * 8) and names:
            found.update({name: f"{found[name]} {line.strip()}" for name in names})
        elif ": " in line:
            listed, _, text = line.strip().partition(": ")
            names = listed.split(", ")
            found.update(dict.fromkeys(names, text))
    return found


def _object(cls: type, prefix: str) -> dict[str, Any]:
    about, hints = meanings(inspect.getdoc(cls) or ""), typing.get_type_hints(cls)
    properties = {
        field.name: _one(hints[field.name], f"{prefix}{field.name}")
        | ({"description": about[field.name]} if field.name in about else {})
        | dict(_default(field))
        for field in dataclasses.fields(cls)
    }
    needed = [
        field.name
        for field in dataclasses.fields(cls)
        if field.default is field.default_factory is dataclasses.MISSING
    ]
    made = {"type": "object", "additionalProperties": False, "properties": properties}
    return made | ({"required": needed} if needed else {})


def _default(field: dataclasses.Field[Any]) -> Iterator[tuple[str, Any]]:
    """Its default, where it has one that a file can say: not None, which means "it depends"."""
    value = field.default
    if field.default_factory is not dataclasses.MISSING:
        value = field.default_factory()
    if value is not dataclasses.MISSING and value is not None:
        yield "default", list(value) if isinstance(value, tuple) else value


def _one(hint: Any, key: str) -> dict[str, Any]:  # noqa: ANN401 - any type of a recipe
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint):
        return _object(typing.cast("type", hint), f"{key}.")
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is tuple:
        return {"type": "array", "items": _one(arguments[0], key)}
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": _one(arguments[1], key)}
    if origin in {types.UnionType, typing.Union}:
        choices = [_one(each, key) for each in arguments if each is not types.NoneType]
        return choices[0] if len(choices) == 1 else {"anyOf": choices}
    names = ["auto", *BACKENDS] if key == BACKENDS.key else list(OPEN.get(key, ()))
    return {"type": PLAIN[hint]} | ({"examples": names} if names else {})
