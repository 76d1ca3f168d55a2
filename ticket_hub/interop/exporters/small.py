"""The smaller network of a ticket: without the units that its mask leaves dead."""

from __future__ import annotations

from pathlib import Path

from ticket_hub.bundle.ticket import TicketContent
from ticket_hub.durable import write_bytes
from ticket_hub.interop.exporters.onnx import NEEDED, encode, require
from ticket_hub.interop.registry import register_exporter
from ticket_hub.structured.files import write_small as write_files
from ticket_hub.structured.small import shrink

__all__ = ["write_small", "write_small_onnx"]


@register_exporter(
    "small",
    is_folder=True,
    advice="Build it with `ticket_hub.structured.load_small(FOLDER)`.",
)
def write_small(ticket: TicketContent, folder: Path) -> list[Path]:
    """`model.safetensors`, and `structure.json` with the places that are left along each axis.

    Raises:
        NetworkError: torch-pruning is not installed, or cannot follow the network.
        StorageError: a file cannot be written.
    """
    small = shrink(ticket.architecture, ticket.theta0, ticket.mask)
    return write_files(small, folder, ticket=ticket.id)


@register_exporter("small-onnx", advice="Run it with onnxruntime: input `images`, output `logits`.")
def write_small_onnx(ticket: TicketContent, path: Path) -> list[Path]:
    """The smaller network as `onnx` writes the whole one.

    Raises:
        ExportError: onnx or onnxscript are not installed, or the network has no form in ONNX.
        NetworkError: torch-pruning is not installed, or cannot follow the network.
        StorageError: the file cannot be written.
    """
    require(NEEDED)
    module = ticket.build(mask=False, small=True)
    write_bytes(path, encode(module.cpu().eval(), ticket.architecture.input_shape))
    return [path]
