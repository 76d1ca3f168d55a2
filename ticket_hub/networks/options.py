"""Options of a network: a closed table of types and bounds, since they also come from strangers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from ticket_hub.errors import NetworkError
from ticket_hub.registry import there_are
from ticket_hub.types import Option

__all__ = ["Choice", "FloatRange", "IntRange", "OptionRule", "check_options"]


@dataclass(frozen=True)
class IntRange:
    """A whole number from `low` to `high`, both included."""

    default: int | None
    low: int
    high: int

    def read(self, value: Option) -> Option | None:
        """The value, or None if it breaks the rule."""
        fits = isinstance(value, int) and not isinstance(value, bool)
        return value if fits and self.low <= value <= self.high else None  # type: ignore[operator]

    def __str__(self) -> str:
        return f"a whole number from {self.low} to {self.high}"


@dataclass(frozen=True)
class FloatRange:
    """A number from `low` to `high`, both included."""

    default: float | None
    low: float
    high: float

    def read(self, value: Option) -> Option | None:
        """The value as a float, or None if it breaks the rule."""
        if isinstance(value, bool | str) or not self.low <= value <= self.high:
            return None
        return float(value)

    def __str__(self) -> str:
        return f"a number from {self.low:g} to {self.high:g}"


@dataclass(frozen=True)
class Choice:
    """One of a few values, all of one type: texts, or true and false."""

    default: bool | str | None
    choices: tuple[bool | str, ...]

    def read(self, value: Option) -> Option | None:
        """The value, or None if it breaks the rule."""
        same = [one for one in self.choices if one == value and type(one) is type(value)]
        return same[0] if same else None

    def __str__(self) -> str:
        return f"one of {', '.join(map(repr, self.choices))}"


OptionRule: TypeAlias = IntRange | FloatRange | Choice
"""`default` is the value of an option that is not given; None leaves it to the network."""


def check_options(
    network: str, rules: Mapping[str, OptionRule], given: Mapping[str, Option]
) -> dict[str, Option]:
    """The given options, in the order of their names and in their own types.

    Raises:
        NetworkError: the network has no such option (the nearest is named), or its value is of
            another type or out of bounds.
    """
    return {name: _read(network, rules, name, given[name]) for name in sorted(given)}


def _read(network: str, rules: Mapping[str, OptionRule], name: str, value: Option) -> Option:
    if name not in rules:
        raise NetworkError(
            f"The network {network!r} has no option {_short(name)}.",
            (
                "It has no options at all: leave them out."
                if not rules
                else there_are(name, sorted(rules))
            ),
        )
    accepted = rules[name].read(value)
    if accepted is None:
        raise NetworkError(
            f"The option {name!r} of {network!r} cannot be {_short(value)}.",
            f"It must be {rules[name]}.",
        )
    return accepted


def _short(value: Option) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:100]}..."  # noqa: PLR2004 - fits a line or two
