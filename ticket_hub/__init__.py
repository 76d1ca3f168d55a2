"""Find, pack, share and retrain lottery tickets.

Public names are imported when they are first used, so that `import ticket_hub` is cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ticket_hub.lazy import lazy_names

if TYPE_CHECKING:
    from ticket_hub import own
    from ticket_hub.analysis.front import AnalyzeResult, analyze
    from ticket_hub.bundle.read import Bundle, open_bundle
    from ticket_hub.bundle.verify import verify_bundle
    from ticket_hub.claims.reproduce import Reproduction, reproduce
    from ticket_hub.comparison.compared import Compared
    from ticket_hub.comparison.front import compare
    from ticket_hub.data.packing import data_pack
    from ticket_hub.engines.watching import watch_run
    from ticket_hub.errors import TicketHubError
    from ticket_hub.facade import find
    from ticket_hub.hub.best import best_tickets
    from ticket_hub.hub.front import (
        cache_bundles,
        delete_bundle,
        info_bundle,
        pull_bundle,
        search_hub,
        tag_bundle,
    )
    from ticket_hub.hub.query import Query
    from ticket_hub.interop.exporters import export_ticket
    from ticket_hub.interop.importers import import_tickets
    from ticket_hub.recipe import Recipe, load_recipe, recipe_names
    from ticket_hub.report.costs import measure_ticket
    from ticket_hub.report.runs import report_run
    from ticket_hub.runs.citing import cite_bundle
    from ticket_hub.runs.listing import list_runs
    from ticket_hub.runs.local_pages import ui_pages
    from ticket_hub.runs.locate import show_bundle
    from ticket_hub.runs.removing import rm_run
    from ticket_hub.search.finding import FindResult
    from ticket_hub.signing.keys import keygen
    from ticket_hub.signing.provenance import provenance_statement
    from ticket_hub.signing.trust import trust_key
    from ticket_hub.ticket import Ticket
    from ticket_hub.transfer.replay import replay_bundle
    from ticket_hub.transfer.retraining import RetrainResult, retrain
    from ticket_hub.transfer.sharing import push_bundle, sign_bundle
    from ticket_hub.transfer.transferring import TransferResult, transfer_tickets

__version__ = "0.1.0"

__all__ = [
    "AnalyzeResult",
    "Bundle",
    "Compared",
    "FindResult",
    "Query",
    "Recipe",
    "Reproduction",
    "RetrainResult",
    "Ticket",
    "TicketHubError",
    "TransferResult",
    "analyze",
    "best_tickets",
    "cache_bundles",
    "cite_bundle",
    "compare",
    "data_pack",
    "delete_bundle",
    "export_ticket",
    "find",
    "import_tickets",
    "info_bundle",
    "keygen",
    "list_runs",
    "load_recipe",
    "measure_ticket",
    "open_bundle",
    "own",
    "provenance_statement",
    "pull_bundle",
    "push_bundle",
    "recipe_names",
    "replay_bundle",
    "report_run",
    "reproduce",
    "retrain",
    "rm_run",
    "search_hub",
    "show_bundle",
    "sign_bundle",
    "tag_bundle",
    "transfer_tickets",
    "trust_key",
    "ui_pages",
    "verify_bundle",
    "watch_run",
]

_HOMES = {
    "AnalyzeResult": "analysis.front",
    "Bundle": "bundle.read",
    "Compared": "comparison.compared",
    "FindResult": "search.finding",
    "Query": "hub.query",
    "Recipe": "recipe",
    "Reproduction": "claims.reproduce",
    "RetrainResult": "transfer.retraining",
    "Ticket": "ticket",
    "TicketHubError": "errors",
    "TransferResult": "transfer.transferring",
    "analyze": "analysis.front",
    "best_tickets": "hub.best",
    "export_ticket": "interop.exporters",
    "cache_bundles": "hub.front",
    "cite_bundle": "runs.citing",
    "compare": "comparison.front",
    "data_pack": "data.packing",
    "delete_bundle": "hub.front",
    "find": "facade",
    "import_tickets": "interop.importers",
    "info_bundle": "hub.front",
    "keygen": "signing.keys",
    "list_runs": "runs.listing",
    "load_recipe": "recipe",
    "measure_ticket": "report.costs",
    "open_bundle": "bundle.read",
    "own": "own",
    "provenance_statement": "signing.provenance",
    "pull_bundle": "hub.front",
    "push_bundle": "transfer.sharing",
    "recipe_names": "recipe",
    "rm_run": "runs.removing",
    "report_run": "report.runs",
    "reproduce": "claims.reproduce",
    "retrain": "transfer.retraining",
    "search_hub": "hub.front",
    "show_bundle": "runs.locate",
    "sign_bundle": "transfer.sharing",
    "tag_bundle": "hub.front",
    "transfer_tickets": "transfer.transferring",
    "replay_bundle": "transfer.replay",
    "trust_key": "signing.trust",
    "ui_pages": "runs.local_pages",
    "verify_bundle": "bundle.verify",
    "watch_run": "engines.watching",
}

__getattr__ = lazy_names(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
