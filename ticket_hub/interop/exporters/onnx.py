"""The masked network as an ONNX file, for inference."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import nn

from ticket_hub.bundle.ticket import TicketContent
from ticket_hub.durable import write_bytes
from ticket_hub.errors import ExportError
from ticket_hub.interop.registry import register_exporter
from ticket_hub.networks import build
from ticket_hub.project import install_extra
from ticket_hub.pruning.masks import masked

__all__ = ["NEEDED", "encode", "require", "write_onnx"]

NEEDED = ("onnx", "onnxscript")
"""Packages that torch needs to write ONNX."""


@register_exporter("onnx", advice="Run it with onnxruntime: input `images`, output `logits`.")
def write_onnx(ticket: TicketContent, path: Path) -> list[Path]:
    """One file: input `images` `(batch, channels, height, width)`, output `logits`.

    The network is in evaluation mode: norms use their running statistics, dropout is off. The
    batch size is free. Dropped weights are stored as 0, since ONNX has no sparse form that
    runtimes take.

    Raises:
        ExportError: onnx or onnxscript are not installed, or the network has no form in ONNX.
        NetworkError: the ticket's network is not registered here.
        StorageError: the file cannot be written.
    """
    require(NEEDED)
    with torch.device("cpu"):
        module = build(ticket.architecture)
    module.load_state_dict(masked(ticket.theta0, ticket.mask))
    write_bytes(path, encode(module.eval(), ticket.architecture.input_shape))
    return [path]


def require(libraries: Sequence[str]) -> None:
    """Refuse to go on where a library is not installed.

    Raises:
        ExportError: it names those that are missing, and the extra that brings them.
    """
    missing = [name for name in libraries if importlib.util.find_spec(name) is None]
    if missing:
        raise ExportError(
            f"{' and '.join(missing)} must be installed to write ONNX.",
            f"Install it with `{install_extra('onnx')}`.",
        )


def encode(module: nn.Module, input_shape: tuple[int, int, int]) -> bytes:
    """The bytes of a module's ONNX file; the batch size is free.

    Raises:
        ExportError: the module has no form in ONNX.
    """
    images = torch.zeros(2, *input_shape)  # 2, since a batch of 1 would become a constant
    try:
        with _quiet():
            program = torch.onnx.export(
                module,
                (images,),
                dynamo=True,
                input_names=["images"],
                output_names=["logits"],
                dynamic_shapes=({0: torch.export.Dim("batch")},),
                verbose=False,
            )
        assert program is not None
        return bytes(program.model_proto.SerializeToString())
    except Exception as error:  # the exporter may raise anything
        raise ExportError(
            f"This network cannot be written as ONNX: {str(error).splitlines()[0][:200]}",
            "Export `safetensors` instead, and load it into the network.",
        ) from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter warns about itself, and prints; neither says anything about the ticket."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
