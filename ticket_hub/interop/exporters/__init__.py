"""A ticket in the forms of other libraries. See `docs/import-export.md`."""

from ticket_hub.interop.exporters.export import export_ticket
from ticket_hub.interop.registry import EXPORTERS, register_exporter

__all__ = ["EXPORTERS", "export_ticket", "register_exporter"]
