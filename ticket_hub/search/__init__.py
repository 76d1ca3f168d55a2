"""Searches: iterative magnitude pruning, level by level, resumable at any moment.

Public names are imported when they are first used, so that `ticket find --help` needs no PyTorch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ticket_hub.lazy import lazy_names

if TYPE_CHECKING:
    from ticket_hub.search.finding import FindResult, find
    from ticket_hub.search.imp import search

__all__ = ["FindResult", "find", "search"]

_HOMES = {"FindResult": "finding", "find": "finding", "search": "imp"}

__getattr__ = lazy_names(__name__, _HOMES)
