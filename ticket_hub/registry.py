"""One registry for each axis that others may extend: names, and what each stands for."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Generic, TypeVar

from ticket_hub import plugins
from ticket_hub.errors import RecipeError

__all__ = ["Registry"]

T = TypeVar("T")


class Registry(Generic[T]):
    """Names of one axis. What is built in and what plugins bring join by the same decorator.

    Args:
        key: the key of a recipe that takes these names, for refusals.
        check: refuses what cannot be registered.
    """

    def __init__(self, key: str, check: Callable[[str, T], None] | None = None) -> None:
        self._key, self._check = key, check
        self._known: dict[str, T] = {}

    def register(self, name: str) -> Callable[[T], T]:
        """Register what is decorated under a name; what is registered last is what counts."""

        def join(value: T) -> T:
            if self._check is not None:
                self._check(name, value)
            self._known[name] = value
            return value

        return join

    def names(self) -> list[str]:
        """All names, plugins' too, in the order in which they were registered."""
        plugins.load()
        return list(self._known)

    def find(self, name: str) -> T | None:
        """What a name stands for; None where nothing has it.

        Raises:
            PluginError: a plugin that might have it cannot be imported.
        """
        if name not in self._known:
            plugins.load()
        return self._known.get(name)

    def get(self, name: str) -> T:
        """What a name stands for.

        Raises:
            RecipeError: nothing has this name; the nearest is said.
            PluginError: a plugin that might have it cannot be imported.
        """
        found = self.find(name)
        if found is not None:
            return found
        near = difflib.get_close_matches(name[:100], self._known, n=1, cutoff=0.0)[0]
        raise RecipeError(
            f"{self._key} cannot be {name[:100]!r}.",
            f"It is one of {', '.join(map(repr, self._known))}; the nearest is {near!r}. "
            "One of your own is known where --import or TICKET_IMPORT names its file.",
        )
