"""Files of tensors by name: theta0 * mask, the mask, and the form of torch.nn.utils.prune."""

from __future__ import annotations

from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from ticket_hub.bundle.ticket import TicketContent
from ticket_hub.durable import open_durable, write_bytes
from ticket_hub.errors import ExportError
from ticket_hub.interop.registry import register_exporter
from ticket_hub.pruning.masks import masked
from ticket_hub.tensors import METADATA

__all__ = ["write_mask", "write_safetensors", "write_torch_prune"]


@register_exporter(
    "safetensors",
    advice="Read it with `safetensors.torch.load_file`; it is a state dict.",
)
def write_safetensors(ticket: TicketContent, path: Path) -> list[Path]:
    """A state dict: theta0, and 0 where the mask drops.

    Raises:
        StorageError: the file cannot be written.
    """
    return _save(masked(ticket.theta0, ticket.mask), path)


@register_exporter("mask", advice="Read it with `safetensors.torch.load_file`.")
def write_mask(ticket: TicketContent, path: Path) -> list[Path]:
    """Parameter name -> bool tensor; True is kept.

    Raises:
        StorageError: the file cannot be written.
    """
    return _save(dict(ticket.mask), path)


def _save(tensors: dict[str, Tensor], path: Path) -> list[Path]:
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    write_bytes(path, safetensors.torch.save(plain, metadata=METADATA))
    return [path]


@register_exporter(
    "torch-prune",
    advice="Read it with `torch.load(..., weights_only=True)`, and load it into a module after "
    "`torch.nn.utils.prune.custom_from_mask`.",
)
def write_torch_prune(ticket: TicketContent, path: Path) -> list[Path]:
    """A state dict as `torch.nn.utils.prune` makes it: `X_orig` is dense, `X_mask` float32.

    It loads with `load_state_dict` into a module whose layers went through
    `prune.custom_from_mask` before, and with `torch.load(..., weights_only=True)`.

    Raises:
        ExportError: the bundle stores survivors only, so that the dense `X_orig` cannot be had.
        StorageError: the file cannot be written.
    """
    if not ticket.dense:
        raise ExportError(
            "The dense weights of this ticket cannot be had: its bundle stores survivors only.",
            "Export `safetensors` and `mask`, or use a bundle that stores theta0 dense.",
        )
    state: dict[str, Tensor] = {}
    for name, value in ticket.theta0.items():
        if name in ticket.mask:
            state[f"{name}_orig"] = value.detach().cpu().clone()
            state[f"{name}_mask"] = ticket.mask[name].detach().cpu().to(value.dtype)
        else:
            state[name] = value.detach().cpu().clone()
    with open_durable(path) as stream:
        torch.save(state, stream)
    return [path]
