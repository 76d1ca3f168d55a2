"""`export_ticket`: one ticket as a file, or files, that another library reads."""

from __future__ import annotations

from pathlib import Path

from ticket_hub.bundle import layout
from ticket_hub.bundle.ticket import TicketContent
from ticket_hub.errors import ExportError
from ticket_hub.home import expanded
from ticket_hub.interop.registry import EXPORTERS
from ticket_hub.registry import YOUR_OWN, there_are

__all__ = ["export_ticket"]


def export_ticket(ticket: TicketContent, form: str, out: str | Path) -> list[Path]:
    """Write a ticket in another form. Its weights are theta0: they are not trained.

    - `safetensors`: a state dict, theta0 * mask.
    - `mask`: bool tensors by parameter name, as a safetensors file.
    - `torch-prune`: a state dict with `X_orig` (dense theta0) and `X_mask`, saved by torch; it
      loads into a module after `torch.nn.utils.prune.custom_from_mask`.
    - `onnx`: the network with theta0 * mask, for inference, with a free batch size.
    - `small`: a folder with the network without its dead units; `small-onnx` as ONNX.
    - `csr`: a folder with a scipy matrix of each prunable layer, and the other tensors.

    Args:
        form: the name of an exporter.
        out: the file, or with `csr` and `small` the folder. A file that is there is replaced whole.

    Returns:
        The files that were written.

    Raises:
        ExportError: it is no ticket, there is no such form, the ticket lacks what it needs, a
            library is missing, or `out` lies in a bundle.
        NetworkError: the ticket's network is not registered here.
        StorageError: a file cannot be written.
    """
    if not isinstance(ticket, TicketContent):
        raise ExportError(
            f"{str(ticket)[:200]!r} is the name of a ticket at most.",
            "Load it first: `ticket_hub.Ticket.load(...)`.",
        )
    exporter = EXPORTERS.find(form)
    if exporter is None:
        remedy = f"{there_are(form, sorted(EXPORTERS.known()))} {YOUR_OWN}"
        raise ExportError(f"There is no exporter {form!r}.", remedy)
    if form != "mask":
        ticket.demand_values()
    place = expanded(out)
    if place.is_file() if exporter.is_folder else place.is_dir():
        what, wanted = ("file", "folder") if exporter.is_folder else ("folder", "file")
        raise ExportError(f"{place} is a {what}.", f"With {form!r} give a {wanted}.")
    folder = place if exporter.is_folder else place.parent
    if (folder / layout.MANIFEST).is_file():
        raise ExportError(
            f"{folder} is a bundle, whose files are those of its manifest.",
            "Name a place beside it.",
        )
    return exporter.write(ticket, place)
