"""The pictures of a data set by their files, before any of them is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from ticket_hub.errors import DataError
from ticket_hub.registry import Registry

__all__ = ["LISTINGS", "Files", "Listing"]

Files: TypeAlias = list[tuple[Path, int]]
"""Pictures of one part, and the number of the class of each."""


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What a data set of picture files holds.

    Attributes:
        parts: all in one; or training and test; or training, validation and test.
        class_names: in the order of the labels.
        notes: what is to be known of it; sentences.
    """

    parts: list[Files]
    class_names: tuple[str, ...]
    notes: tuple[str, ...] = ()


LISTINGS: Registry[Callable[..., Listing]] = Registry(
    "data.name", gives=("root", "files", "spec"), refusal=DataError
)
"""Those that list a data set by its name, so that `ticket data pack` reads it file by file."""
