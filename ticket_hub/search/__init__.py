"""Searches: iterative magnitude pruning, level by level, resumable at any moment.

Public names are imported when they are first used, so that listing runs needs no PyTorch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ticket_hub.search.finding import FindResult, find
    from ticket_hub.search.imp import search
    from ticket_hub.search.level import Ending, Level, Trial
    from ticket_hub.search.runs import RunSummary, list_runs
    from ticket_hub.search.signals import stop_on_signals
    from ticket_hub.search.workshop import Resources

__all__ = [
    "Ending",
    "FindResult",
    "Level",
    "Resources",
    "RunSummary",
    "Trial",
    "find",
    "list_runs",
    "search",
    "stop_on_signals",
]

_HOMES = {
    "Ending": "level",
    "FindResult": "finding",
    "Level": "level",
    "Resources": "workshop",
    "RunSummary": "runs",
    "Trial": "level",
    "find": "finding",
    "list_runs": "runs",
    "search": "imp",
    "stop_on_signals": "signals",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any public name
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
