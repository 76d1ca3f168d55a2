"""Tickets of other systems, brought into bundles. See `docs/import-export.md`."""

from ticket_hub.interop.importers.importing import FORMATS, import_tickets

__all__ = ["FORMATS", "import_tickets"]
