"""A scipy matrix in compressed sparse rows (CSR) for each prunable layer."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import safetensors.torch
import scipy.sparse
from torch import Tensor

from ticket_hub.bundle.ticket import TicketContent
from ticket_hub.durable import make_folder, write_bytes
from ticket_hub.interop.registry import register_exporter
from ticket_hub.tensors import METADATA

__all__ = ["write_csr"]

REST = "dense.safetensors"


@register_exporter(
    "csr",
    is_folder=True,
    advice="Read a layer with `scipy.sparse.load_npz`; dense.safetensors has everything else.",
)
def write_csr(ticket: TicketContent, folder: Path) -> list[Path]:
    """`<parameter>.npz` for each prunable layer, and `dense.safetensors` with everything else.

    A layer is a matrix `(outputs, rest)`: a convolution's weight `(out, in, height, width)` with
    its last three axes made one. Every survivor is stored, also one whose value is 0, so that the
    matrix has exactly the mask's positions. `scipy.sparse.load_npz` reads it.

    Raises:
        StorageError: a file cannot be written.
    """
    make_folder(folder)
    written = []
    for name, keep in ticket.mask.items():
        path = folder / f"{name}.npz"
        write_bytes(path, _matrix(ticket.theta0[name], keep))
        written.append(path)
    rest = {
        name: value.detach().cpu().contiguous()
        for name, value in ticket.theta0.items()
        if name not in ticket.mask
    }
    write_bytes(folder / REST, safetensors.torch.save(rest, metadata=METADATA))
    return [*written, folder / REST]


def _matrix(weight: Tensor, keep: Tensor) -> bytes:
    values = weight.detach().cpu().reshape(weight.shape[0], -1).numpy()
    rows, columns = np.nonzero(keep.detach().cpu().reshape(weight.shape[0], -1).numpy())
    matrix = scipy.sparse.csr_array((values[rows, columns], (rows, columns)), shape=values.shape)
    data = io.BytesIO()
    scipy.sparse.save_npz(data, matrix)
    return data.getvalue()
