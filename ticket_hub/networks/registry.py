"""Networks are looked up by name; a user's own function joins with one decorator."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

from torch import nn

from ticket_hub.errors import NetworkError
from ticket_hub.types import Architecture

__all__ = ["build", "network_names", "register"]

Builder: TypeAlias = Callable[[Architecture], nn.Module]

_BUILDERS: dict[str, tuple[re.Pattern[str], Builder]] = {}


def register(pattern: str) -> Callable[[Builder], Builder]:
    """Register a builder for all names that a regular expression matches in full."""

    def join(builder: Builder) -> Builder:
        _BUILDERS[pattern] = (re.compile(pattern), builder)
        return builder

    return join


def network_names() -> list[str]:
    """The registered patterns of names, sorted."""
    return sorted(_BUILDERS)


def build(architecture: Architecture) -> nn.Module:
    """The module of an architecture, on torch's current default device.

    Raises:
        NetworkError: no network has this name, or it lacks one of the options.
    """
    for pattern, builder in _BUILDERS.values():
        if pattern.fullmatch(architecture.name):
            return builder(architecture)
    raise NetworkError(
        f"There is no network {architecture.name!r}.",
        f"The registered names are {', '.join(network_names())}.",
    )
