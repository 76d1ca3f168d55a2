"""One registry for each axis that others may extend: names, and what each stands for.

What is built in and what plugins bring join by the same decorator. A registry with `homes` knows
the names of what is built in without importing it: they are read from the decorators in the texts
of these modules; one is imported when a value is asked for. So a recipe is read, and a command
says what may be chosen, without PyTorch.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, TypeVar, cast

from ticket_hub import plugins
from ticket_hub.declared_names import Entry, declared
from ticket_hub.errors import PluginError, RecipeError, TicketHubError

__all__ = [
    "Registry",
    "nearest",
    "needs",
    "one_of",
    "supply",
    "there_are",
]

T = TypeVar("T")
K = TypeVar("K")

MAX_SHOWN = 100
"""Characters of a name that a refusal repeats."""
MAX_LENGTH = 200
"""The longest name that a pattern is tried on."""

YOUR_OWN = "One of your own is known where --import or TICKET_IMPORT names its file."


class Registry(Mapping[str, T], Generic[T]):
    """Names of one axis -> what each stands for, in the order in which they were registered.

    Args:
        key: the key of a recipe that takes these names, for refusals.
        gives: what a function may ask for by the names of its parameters; None asks nobody.
        refusal: the kind of error for a function that asks for something else.
        homes: the modules whose decorators `register_...` register what is built in, each with a
            literal name and literal keywords; one is imported when its name is asked for.
    """

    def __init__(
        self,
        key: str,
        *,
        gives: tuple[str, ...] | None = None,
        refusal: type[TicketHubError] = PluginError,
        homes: tuple[str, ...] = (),
    ) -> None:
        self.key, self._gives, self._refusal, self._homes = key, gives, refusal, homes
        self._known: dict[str, Entry] = {}

    def register(
        self,
        name: str,
        *,
        takes: Iterable[str] = (),
        examples: Iterable[str] = (),
        **about: Any,  # noqa: ANN401 - whatever its axis says
    ) -> Callable[[T], T]:
        """Register what is decorated under a name; what is registered last is what counts.

        Args:
            takes: keys beside the name that it reads and others of its axis do not.
            examples: names to show where `name` is a regular expression, for all names that it
                matches in full; what is registered last is asked first.
            about: what else its axis says of the name; see `entry`.

        Raises:
            TicketHubError: of the kind of this axis; the function asks for what is not given.
        """
        said: dict[str, Any] = {"takes": tuple(takes), "examples": tuple(examples), "about": about}
        module = plugins.registrant()

        def join(value: T) -> T:
            """Enter the value under the name, once it asks for nothing that is not given."""
            asked = needs(value) if self._gives is not None and callable(value) else ()
            self._check_needs(name, asked, self._gives or ())
            self._known.pop(name, None)
            self._known[name] = Entry(module=module, value=value, needs=asked, **said)
            return value

        return join

    def register_class(
        self,
        name: str,
        base: type,
        remedy: str,
        **said: Any,  # noqa: ANN401 - as for `register`
    ) -> Callable[[K], K]:
        """Register the class that is decorated, once it is known to be derived from `base`.

        Args:
            remedy: what to do about a class that is not.
            said: `takes`, `examples` and whatever else `register` takes.

        Raises:
            PluginError: what is decorated is no subclass of `base`.
        """

        def join(kind: K) -> K:
            """Enter the class under the name."""
            if not (isinstance(kind, type) and issubclass(kind, base)):
                axis = self.key.rpartition(".")[2]
                package = base.__module__.rpartition(".")[0]  # which hands out its base classes
                raise PluginError(
                    f"The {axis} {name!r} is no subclass of {package}.{base.__name__}.", remedy
                )
            self.register(name, **said)(cast("Any", kind))
            return kind

        return join

    def names(self) -> list[str]:
        """All names, plugins' too, in the order in which they were registered."""
        plugins.load()
        return self.known()

    def known(self) -> list[str]:
        """The names that are built in or registered already: nothing is imported to tell."""
        entries = {**self._built_in(), **self._known}
        return [each for name, entry in entries.items() for each in entry.examples or (name,)]

    def takes(self, name: str) -> tuple[str, ...] | None:
        """The keys that a name reads and others of its axis do not; None where nobody has it here.

        Nothing is imported for it, so that a recipe from elsewhere is read without its plugins.
        """
        entry = self.entry(name)
        return None if entry is None else entry.takes

    def entry(self, name: str) -> Entry | None:
        """What is known of a name before anything is imported for it; None where nothing is."""
        return _match(self._known, name) or _match(self._built_in(), name)

    def module(self, name: str) -> str | None:
        """The module that registered what a name stands for; None where nothing has it.

        Raises:
            PluginError: a plugin that might have it cannot be imported.
        """
        entry = self._find(name)
        return None if entry is None else entry.module

    def find(self, name: str) -> T | None:
        """What a name stands for; None where nothing has it.

        Raises:
            PluginError: a plugin that might have it cannot be imported.
        """
        entry = self._find(name)
        return None if entry is None else entry.value

    def get(self, name: str) -> T:  # type: ignore[override]  # it refuses, and has no default
        """What a name stands for.

        Raises:
            RecipeError: nothing has this name; the nearest is said.
            PluginError: a plugin that might have it cannot be imported.
        """
        found = self.find(name)
        if found is None:
            self.check(name)
            raise AssertionError(f"{name!r} is among the names of {self.key} and stands for none")
        return found

    def check(self, name: str) -> None:
        """Refuse a name that nothing has; nothing that is built in is imported for it.

        Raises:
            RecipeError: the nearest is said.
            PluginError: a plugin that might have it cannot be imported.
        """
        if not _match(self._known, name) and not _match(self._built_in(), name):
            plugins.load()
            if not _match(self._known, name):
                raise RecipeError(
                    f"{self.key} cannot be {name[:MAX_SHOWN]!r}.",
                    f"{one_of(name, self.names())} {YOUR_OWN}",
                )

    def __getitem__(self, name: str) -> T:
        """What a name stands for.

        Raises:
            KeyError: nothing has this name.
        """
        found = self.find(name)
        if found is None:
            raise KeyError(name)
        return found

    def __iter__(self) -> Iterator[str]:
        """All names."""
        return iter(self.names())

    def __len__(self) -> int:
        """The number of names."""
        return len(self.names())

    def _check_needs(self, name: str, asked: Iterable[str], given: tuple[str, ...]) -> None:
        if unknown := [need for need in asked if need not in given]:
            axis = self.key.rpartition(".")[2]
            raise self._refusal(
                f"The {axis} {name!r} asks for {', '.join(unknown)}.",
                f"It may ask for {', '.join(given)}: these are the names of its parameters.",
            )

    def _find(self, name: str) -> Entry | None:
        found = _match(self._known, name)
        if found is None and (built_in := _match(self._built_in(), name)):
            importlib.import_module(built_in.module)
            found = _match(self._known, name)
        if found is None and plugins.load():
            found = _match(self._known, name)
        return found

    def _built_in(self) -> Mapping[str, Entry]:
        return declared(self._homes)


def _match(entries: Mapping[str, Entry], name: str) -> Entry | None:
    """A name's own entry, or the last whose regular expression matches it."""
    if name in entries and not entries[name].examples:
        return entries[name]
    families = [key for key, entry in entries.items() if entry.examples]
    keys = reversed(families) if len(name) <= MAX_LENGTH else ()
    return next((entries[key] for key in keys if re.fullmatch(key, name)), None)


@functools.lru_cache(maxsize=1024)
def needs(function: Callable[..., Any]) -> tuple[str, ...]:
    """What a function asks for: the names of its parameters, without a leading underscore."""
    return tuple(name.lstrip("_") for name in inspect.signature(function).parameters)


def supply(function: Callable[..., T], given: Mapping[str, object]) -> T:
    """Call a function with what it asks for."""
    return function(*(given[need] for need in needs(function)))


def nearest(name: str, known: Iterable[str], *, cutoff: float = 0.0) -> str:
    """The most similar of some names; empty where none is as similar as `cutoff`, in [0, 1]."""
    found = difflib.get_close_matches(name[:MAX_SHOWN], list(known), n=1, cutoff=cutoff)
    return found[0] if found else ""


def one_of(name: str, known: Iterable[str]) -> str:
    """The remedy for a value that is none of a few: all of them, and the nearest."""
    names = list(known)
    return f"It is one of {', '.join(map(repr, names))}; the nearest is {nearest(name, names)!r}."


def there_are(name: str, known: Iterable[str]) -> str:
    """The remedy for a thing that does not exist: the nearest, and all that there are."""
    names = list(known)
    return f"The nearest is {nearest(name, names)!r}; there are {', '.join(names)}."
