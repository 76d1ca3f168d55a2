"""Tickets of other systems, brought into bundles. See `docs/import-export.md`."""

from ticket_hub.bundle.importers.importing import FORMATS, import_tickets

__all__ = ["FORMATS", "import_tickets"]
