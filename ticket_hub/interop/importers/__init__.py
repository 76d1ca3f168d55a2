"""Tickets of other systems, brought into bundles. See `docs/import-export.md`."""

from ticket_hub.interop.importers.imported import Hints, ImportedTickets, ImportedTrial
from ticket_hub.interop.importers.importing import import_tickets
from ticket_hub.interop.importers.unknown import architecture_of
from ticket_hub.interop.registry import IMPORTERS, register_importer

__all__ = [
    "IMPORTERS",
    "Hints",
    "ImportedTickets",
    "ImportedTrial",
    "architecture_of",
    "import_tickets",
    "register_importer",
]
