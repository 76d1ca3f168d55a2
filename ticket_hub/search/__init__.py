"""Searches: iterative magnitude pruning, level by level, resumable at any moment.

Public names are imported when they are first used, so that listing runs needs no PyTorch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ticket_hub.lazy import lazy_names

if TYPE_CHECKING:
    from ticket_hub.search.finding import FindResult, find
    from ticket_hub.search.imp import search
    from ticket_hub.search.level import Ending, Level, Trial
    from ticket_hub.search.level_trainer import Resources
    from ticket_hub.search.runs import RunSummary, list_runs
    from ticket_hub.search.signals import stop_on_signals

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
    "Resources": "level_trainer",
    "RunSummary": "runs",
    "Trial": "level",
    "find": "finding",
    "list_runs": "runs",
    "search": "imp",
    "stop_on_signals": "signals",
}

__getattr__ = lazy_names(__name__, _HOMES)
