"""Find, pack, share and retrain lottery tickets.

Public names are imported when they are first used, so that `import ticket_hub` is cheap.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ticket_hub.bundle.exporters import export_ticket
    from ticket_hub.bundle.importers import import_tickets
    from ticket_hub.bundle.read import Bundle, open_bundle
    from ticket_hub.bundle.verify import verify_bundle
    from ticket_hub.errors import TicketHubError
    from ticket_hub.hub.front import (
        cache_bundles,
        delete_bundle,
        info_bundle,
        pull_bundle,
        search_hub,
        tag_bundle,
    )
    from ticket_hub.hub.query import Query
    from ticket_hub.recipe import Recipe
    from ticket_hub.recipes import load_recipe, recipe_names
    from ticket_hub.report.analysis import AnalyzeResult, analyze
    from ticket_hub.report.bundles import show_bundle
    from ticket_hub.report.comparison.compared import Compared
    from ticket_hub.report.comparison.front import compare
    from ticket_hub.report.runs import report_run
    from ticket_hub.search.finding import FindResult, find
    from ticket_hub.search.runs import list_runs
    from ticket_hub.ticket import Ticket
    from ticket_hub.transfer.replay import replay_bundle
    from ticket_hub.transfer.retraining import RetrainResult, retrain
    from ticket_hub.transfer.sharing import push_bundle
    from ticket_hub.transfer.transferring import TransferResult, transfer_tickets

__version__ = "0.1.0"

__all__ = [
    "AnalyzeResult",
    "Bundle",
    "Compared",
    "FindResult",
    "Query",
    "Recipe",
    "RetrainResult",
    "Ticket",
    "TicketHubError",
    "TransferResult",
    "analyze",
    "cache_bundles",
    "compare",
    "delete_bundle",
    "export_ticket",
    "find",
    "import_tickets",
    "info_bundle",
    "list_runs",
    "load_recipe",
    "open_bundle",
    "pull_bundle",
    "push_bundle",
    "recipe_names",
    "replay_bundle",
    "report_run",
    "retrain",
    "search_hub",
    "show_bundle",
    "tag_bundle",
    "transfer_tickets",
    "verify_bundle",
]

_HOMES = {
    "AnalyzeResult": "ticket_hub.report.analysis",
    "Bundle": "ticket_hub.bundle.read",
    "Compared": "ticket_hub.report.comparison.compared",
    "FindResult": "ticket_hub.search.finding",
    "Query": "ticket_hub.hub.query",
    "Recipe": "ticket_hub.recipe",
    "RetrainResult": "ticket_hub.transfer.retraining",
    "Ticket": "ticket_hub.ticket",
    "TicketHubError": "ticket_hub.errors",
    "TransferResult": "ticket_hub.transfer.transferring",
    "analyze": "ticket_hub.report.analysis",
    "export_ticket": "ticket_hub.bundle.exporters",
    "cache_bundles": "ticket_hub.hub.front",
    "compare": "ticket_hub.report.comparison.front",
    "delete_bundle": "ticket_hub.hub.front",
    "find": "ticket_hub.search.finding",
    "import_tickets": "ticket_hub.bundle.importers",
    "info_bundle": "ticket_hub.hub.front",
    "list_runs": "ticket_hub.search.runs",
    "load_recipe": "ticket_hub.recipes",
    "open_bundle": "ticket_hub.bundle.read",
    "pull_bundle": "ticket_hub.hub.front",
    "push_bundle": "ticket_hub.transfer.sharing",
    "recipe_names": "ticket_hub.recipes",
    "report_run": "ticket_hub.report.runs",
    "retrain": "ticket_hub.transfer.retraining",
    "search_hub": "ticket_hub.hub.front",
    "show_bundle": "ticket_hub.report.bundles",
    "tag_bundle": "ticket_hub.hub.front",
    "transfer_tickets": "ticket_hub.transfer.transferring",
    "replay_bundle": "ticket_hub.transfer.replay",
    "verify_bundle": "ticket_hub.bundle.verify",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any public name
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
