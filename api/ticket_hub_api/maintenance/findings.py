"""What a check finds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TypeAlias

__all__ = ["Damage", "DamageFinding"]

Damage: TypeAlias = tuple[str, str, str]
"""The three fields of a `DamageFinding`, as the single checks give them."""


@dataclass(frozen=True)
class DamageFinding:
    """Something that is damaged: `what` kind of thing, its `name`, and what the `problem` is."""

    what: str
    name: str
    problem: str

    def to_dict(self) -> dict[str, str]:
        """The same as plain values."""
        return asdict(self)
