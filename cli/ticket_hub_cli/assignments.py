"""What `KEY=VALUE` on the command line asks of a recipe."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from typing import Any

import click

__all__ = [
    "settings",
    "sweep_settings",
]


def sweep_settings(sweeps: Iterable[str]) -> dict[str, list[Any]]:
    """The values of each key that `--sweep` names; a list in brackets is a TOML list of them.

    Raises:
        click.BadParameter: an assignment has no key or no `=`, or a key is named twice.
    """
    found: dict[str, list[Any]] = {}
    for text in sweeps:
        ((key, value),) = settings([text], param="--sweep").items()
        if key in found:
            raise click.BadParameter(f"{key} is swept twice.", param_hint="--sweep")
        # Brackets are TOML, in which a value may have commas; without them commas divide the text.
        listed = value if isinstance(value, list) else None
        found[key] = listed or [_value(v.strip()) for v in text.partition("=")[2].split(",")]
    return found


def settings(
    assignments: Iterable[str],
    *,
    param: str = "--set",
    **shortcuts: Any,  # noqa: ANN401 - any value of a recipe
) -> dict[str, Any]:
    """The changes to a recipe that `--set` and the options beside it ask for.

    Args:
        assignments: `key=value`, the value as TOML; what is not TOML is taken as text.
        param: the option that assignments were given with, for errors.
        shortcuts: key with `__` for the dot -> value; None is left out.

    Raises:
        click.BadParameter: an assignment has no key or no `=`.
    """
    changes: dict[str, Any] = {}
    for text in assignments:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise click.BadParameter(
                f"{text!r} is not KEY=VALUE, such as training.lr=0.01.", param_hint=param
            )
        changes[key.strip()] = _value(value.strip())
    given = {key.replace("__", "."): value for key, value in shortcuts.items() if value is not None}
    return changes | given


def _value(text: str) -> Any:  # noqa: ANN401 - any value of a recipe
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
