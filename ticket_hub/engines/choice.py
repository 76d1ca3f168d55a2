"""Engines by name, with options as people type them."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import cast

from ticket_hub.engines.base import Engine
from ticket_hub.errors import EngineError

__all__ = ["ENGINES", "make_engine", "number", "refuse_unknown"]

ENGINES = ("local", "ray", "slurm")


def make_engine(name: str, options: Mapping[str, str] | None = None) -> Engine:
    """An engine. Nothing of Ray or Slurm is imported unless it is asked for.

    Args:
        options: by name; see the module of the engine for those that it has.

    Raises:
        EngineError: there is no such engine or option, or its libraries are not installed.
    """
    if name not in ENGINES:
        raise EngineError(f"There is no engine {name!r}.", f"Choose {', '.join(ENGINES)}.")
    module = importlib.import_module(f"ticket_hub.engines.{name}")
    from_options = cast("Callable[[Mapping[str, str]], Engine]", module.from_options)
    return from_options(options or {})


def number(options: Mapping[str, str], key: str) -> int | None:
    """A whole number of an option, at least 0; None where it is not given.

    Raises:
        EngineError: it is none.
    """
    text = options.get(key)
    if text is None:
        return None
    if not text.isdecimal():
        raise EngineError(f"The option {key} cannot be {text!r}.", "Give a whole number.")
    return int(text)


def refuse_unknown(engine: str, options: Mapping[str, str], known: tuple[str, ...]) -> None:
    """Refuse options that an engine does not have.

    Raises:
        EngineError: there is one.
    """
    for key in options:
        if key not in known:
            raise EngineError(
                f"The engine {engine} has no option {key!r}.", f"It has {', '.join(known)}."
            )
