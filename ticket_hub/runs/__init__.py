"""Folders that work is done in: their locks and files, what a run may use, where a bundle lies.

Public names are imported when they are first used, so that listing runs needs no PyTorch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ticket_hub.lazy import lazy_names

if TYPE_CHECKING:
    from ticket_hub.runs.level import Ending, Level, Trial
    from ticket_hub.runs.listing import RunSummary, list_runs
    from ticket_hub.runs.reporters import Log, register_reporter
    from ticket_hub.runs.resources import ResourceOptions, Resources
    from ticket_hub.runs.signals import stop_on_signals

__all__ = [
    "Ending",
    "Level",
    "Log",
    "ResourceOptions",
    "Resources",
    "RunSummary",
    "Trial",
    "list_runs",
    "register_reporter",
    "stop_on_signals",
]

_HOMES = {
    "Ending": "level",
    "Level": "level",
    "Log": "reporters",
    "ResourceOptions": "resources",
    "Resources": "resources",
    "RunSummary": "listing",
    "Trial": "level",
    "list_runs": "listing",
    "register_reporter": "reporters",
    "stop_on_signals": "signals",
}

__getattr__ = lazy_names(__name__, _HOMES)
