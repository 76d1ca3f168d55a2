"""A ticket in the forms of other libraries. See `docs/import-export.md`."""

from ticket_hub.interop.exporters.export import FORMS, export_ticket

__all__ = ["FORMS", "export_ticket"]
