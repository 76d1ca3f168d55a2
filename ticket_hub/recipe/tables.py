"""Frozen dataclasses from plain tables (TOML, JSON) and back, with errors that name the key."""

from __future__ import annotations

import dataclasses
import functools
import math
import reprlib
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from ticket_hub.errors import RecipeError
from ticket_hub.registry import nearest, one_of

__all__ = ["build", "key_paths", "to_table", "unknown_key"]

T = TypeVar("T")

MAX_SIZE = 2**63 - 1  # of TOML's whole numbers
MAX_LENGTH = 200

_brief = reprlib.Repr()
_brief.maxstring = _brief.maxother = MAX_LENGTH


def build(cls: type[T], table: Mapping[str, Any]) -> T:
    """A frozen dataclass from plain values, every key and type checked.

    Nested dataclasses, tuples, mappings, literals and optional values are understood; a whole
    number is taken where a fraction is asked for, and nothing else is converted. A part that was
    built already stays as it is.

    Raises:
        RecipeError: an unknown key (the nearest valid one is named) or an impossible value.
    """
    return typing.cast("T", _build(cls, table, ""))


def to_table(value: Any) -> dict[str, Any]:  # noqa: ANN401 - any dataclass
    """Plain values of a dataclass; `build` gives it back.

    Fields that are marked `LATER` are left out where they have their default.
    """
    return typing.cast("dict[str, Any]", _plain(value))


def _plain(value: Any) -> Any:  # noqa: ANN401 - any value of a recipe
    if dataclasses.is_dataclass(value):
        return {
            f.name: _plain(getattr(value, f.name))
            for f in dataclasses.fields(value)
            if not (f.metadata.get("later") and getattr(value, f.name) == _default(f))
        }
    if isinstance(value, Mapping):
        return {key: _plain(value[key]) for key in sorted(value)}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _default(f: dataclasses.Field[Any]) -> Any:  # noqa: ANN401 - of any kind
    return f.default if f.default_factory is dataclasses.MISSING else f.default_factory()


def key_paths(cls: type, prefix: str = "") -> list[str]:
    """Every dotted path that names a field of a dataclass and of those inside it."""
    hints = _hints(cls)
    found = []
    for name in (f.name for f in dataclasses.fields(cls)):
        found.append(prefix + name)
        if dataclasses.is_dataclass(hints[name]):
            found += key_paths(typing.cast("type", hints[name]), f"{prefix}{name}.")
    return found


def unknown_key(path: str, known: list[str]) -> RecipeError:
    """The error for a key that does not exist, naming the nearest that does."""
    hint = f"The nearest valid key is {nearest(path, known)!r}. " if known else ""
    return RecipeError(
        f"There is no recipe key {_shown(path)}.",
        f"{hint}`ticket recipes NAME` prints a whole recipe.",
    )


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _build(cls: type, table: Any, prefix: str) -> Any:  # noqa: ANN401 - any part of a recipe
    if not isinstance(table, Mapping):
        raise RecipeError(
            f"The recipe's {prefix.rstrip('.')!r} must be a table of keys, not {_shown(table)}.",
            "Write it as a TOML table.",
        )
    hints = _hints(cls)
    fields = {f.name: f for f in dataclasses.fields(cls)}
    for key in table:
        if key not in fields:
            raise unknown_key(f"{prefix}{key}", key_paths(cls, prefix))
    values = {}
    for name, f in fields.items():
        if name in table:
            values[name] = _value(hints[name], table[name], prefix + name)
        elif f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING:
            raise RecipeError(
                f"The recipe has no {prefix + name!r}.", "Add this key; it has no default."
            )
    return cls(**values)


def _value(hint: Any, value: Any, path: str) -> Any:  # noqa: ANN401 - any type
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint):
        kind = typing.cast("type", hint)
        return value if isinstance(value, kind) else _build(kind, value, f"{path}.")
    if origin is Literal:
        return _chosen(arguments, value, path)
    if origin is tuple and isinstance(value, list | tuple):
        return tuple(_value(arguments[0], item, path) for item in value)
    if origin in {types.UnionType, typing.Union}:
        choices = [choice for choice in arguments if choice is not types.NoneType]
        fitting = [choice for choice in arguments if _fits(choice, value)]
        if fitting or (value is not None and len(choices) == 1):
            return _value((fitting or choices)[0], value, path)
    elif origin is not tuple and origin is not None and isinstance(value, Mapping):
        return {
            _value(str, key, f"a key of {path}"): _value(arguments[1], value[key], f"{path}.{key}")
            for key in value
        }
    elif _fits(hint, value):
        return float(value) if hint is float else value
    raise RecipeError(f"{path} cannot be {_shown(value)}.", f"It must be {_describe(hint)}.")


def _chosen(choices: tuple[Any, ...], value: Any, path: str) -> Any:  # noqa: ANN401 - any type
    if isinstance(value, str) and value in choices:
        return value
    raise RecipeError(f"{path} cannot be {_shown(value)}.", one_of(_shown(value), choices))


def _fits(hint: Any, value: Any) -> bool:  # noqa: ANN401 - any type
    if hint is float:
        return _fits(int, value) or (isinstance(value, float) and math.isfinite(value))
    if hint is int:
        whole = isinstance(value, int) and not isinstance(value, bool)
        return whole and abs(value) <= MAX_SIZE
    if isinstance(value, str):
        if typing.get_origin(hint) is Literal:
            return value in typing.get_args(hint)
        return hint is str and _is_unicode(value)
    return isinstance(hint, type) and isinstance(value, hint)


def _is_unicode(text: str) -> bool:
    """False with half of a surrogate pair, which JSON can write and no file can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(value: Any) -> str:  # noqa: ANN401 - any value, however large or deep
    return _brief.repr(value)


def _describe(hint: Any) -> str:  # noqa: ANN401 - any type
    names = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
    if hint in names:
        return names[hint]
    parts = [
        names.get(part) or " or ".join(map(repr, typing.get_args(part)))
        for part in typing.get_args(hint)
    ]
    joined = " or ".join(part for part in parts if part)
    return f"a list of {joined}" if typing.get_origin(hint) is tuple else joined or str(hint)
