"""`export_ticket`: one ticket as a file, or files, that another library reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from ticket_hub.bundle.ticket import TicketContent
from ticket_hub.errors import ExportError
from ticket_hub.home import expanded
from ticket_hub.interop.exporters.csr import write_csr
from ticket_hub.interop.exporters.onnx import write_onnx
from ticket_hub.interop.exporters.tensors import write_mask, write_safetensors, write_torch_prune

__all__ = ["FORMS", "export_ticket"]

FORMS: Mapping[str, Callable[[TicketContent, Path], list[Path]]] = {
    "csr": write_csr,
    "mask": write_mask,
    "onnx": write_onnx,
    "safetensors": write_safetensors,
    "torch-prune": write_torch_prune,
}
"""Name of a form -> what writes it; each returns the files that it wrote."""


def export_ticket(ticket: TicketContent, form: str, out: str | Path) -> list[Path]:
    """Write a ticket in another form. Its weights are theta0: they are not trained.

    - `safetensors`: a state dict, theta0 * mask.
    - `mask`: bool tensors by parameter name, as a safetensors file.
    - `torch-prune`: a state dict with `X_orig` (dense theta0) and `X_mask`, saved by torch; it
      loads into a module after `torch.nn.utils.prune.custom_from_mask`.
    - `onnx`: the network with theta0 * mask, for inference, with a free batch size.
    - `csr`: a folder with a scipy matrix of each prunable layer, and the other tensors.

    Args:
        form: one of `FORMS`.
        out: the file, or with `csr` the folder. A file that is there is replaced whole.

    Returns:
        The files that were written.

    Raises:
        ExportError: there is no such form, the ticket lacks what it needs, or a library is missing.
        NetworkError: the ticket's network is not registered here.
        StorageError: a file cannot be written.
    """
    if form not in FORMS:
        raise ExportError(
            f"There is no form {form!r}.", f"Choose one of {', '.join(sorted(FORMS))}."
        )
    place = expanded(out)
    if (form == "csr" and place.is_file()) or (form != "csr" and place.is_dir()):
        raise ExportError(
            f"{place} is a {'file' if form == 'csr' else 'folder'}.",
            "With `csr` give a folder, with every other form a file.",
        )
    return FORMS[form](ticket, place)
