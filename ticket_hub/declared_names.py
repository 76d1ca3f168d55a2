"""What modules register by their decorators, read from their texts: nothing is imported for it."""

from __future__ import annotations

import ast
import contextlib
import functools
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "Entry",
    "declared",
]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A name, or a regular expression that stands for all names which it matches in full.

    Attributes:
        module: that registered it.
        takes: keys beside the name that it reads and others of its axis do not.
        examples: names to show of a regular expression; a plain name has none.
        needs: what the function asks for by the names of its parameters; empty of a class.
        about: what else its axis says of it, such as how a control is drawn.
        value: what was registered; None where it was only read from a text.
    """

    module: str
    takes: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)
    value: Any = None


@functools.cache
def declared(modules: tuple[str, ...]) -> Mapping[str, Entry]:
    """What modules register, read from their texts."""
    found = {}
    for module in modules:
        package, _, path = module.partition(".")
        text = pkgutil.get_data(package, f"{path.replace('.', '/')}.py")
        assert text is not None, f"{module} has a file"
        for statement in ast.parse(text).body:
            for call in getattr(statement, "decorator_list", ()):
                if isinstance(call, ast.Call) and _is_register(call.func):
                    name = ast.literal_eval(call.args[0])
                    found[name] = _read(module, statement, call)
    return found


def _read(module: str, statement: ast.stmt, call: ast.Call) -> Entry:
    said = {}
    for each in call.keywords:
        with contextlib.suppress(ValueError):  # what is no literal is for whoever imports it
            said[each.arg or ""] = ast.literal_eval(each.value)
    asked = statement.args.args if isinstance(statement, ast.FunctionDef) else ()
    return Entry(
        module=module,
        takes=tuple(said.pop("takes", ())),
        examples=tuple(said.pop("examples", ())),
        needs=tuple(each.arg.lstrip("_") for each in asked),
        about=said,
    )


def _is_register(function: ast.expr) -> bool:
    return isinstance(function, ast.Name) and function.id.startswith("register_")
