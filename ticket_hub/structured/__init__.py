"""Whole units: which weights belong to each, and the smaller network without the dead.

Public names are imported when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ticket_hub.lazy import lazy_names

if TYPE_CHECKING:
    from ticket_hub.structured.dependencies import structure_of
    from ticket_hub.structured.files import load_small
    from ticket_hub.structured.small import SmallNetwork, shrink

__all__ = ["SmallNetwork", "load_small", "shrink", "structure_of"]

_HOMES = {
    "SmallNetwork": "small",
    "load_small": "files",
    "shrink": "small",
    "structure_of": "dependencies",
}

__getattr__ = lazy_names(__name__, _HOMES)
