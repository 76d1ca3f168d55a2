"""A network whose fully connected layers are sparse matrices in compressed rows (CSR)."""

from __future__ import annotations

import copy
import warnings

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

__all__ = ["CsrLinear", "csr_module"]


class CsrLinear(nn.Module):
    """What a linear layer computes, by PyTorch's product with a sparse matrix.

    Attributes:
        multiplications: of the last pass: the weights that are not 0, once for each row.
        dense_multiplications: those that the layer would have done with its zeros.
    """

    rows: Tensor
    columns: Tensor
    values: Tensor

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that sparse matrices are young
            sparse = layer.weight.detach().to_sparse_csr()
        self.register_buffer("rows", sparse.crow_indices().int())
        self.register_buffer("columns", sparse.col_indices().int())
        self.register_buffer("values", sparse.values())
        self.bias = layer.bias
        self._matrix = torch.sparse_csr_tensor(
            self.rows,
            self.columns,
            self.values,
            tuple(layer.weight.shape),
            check_invariants=False,
        )
        self.multiplications = self.dense_multiplications = 0

    def forward(self, values: Tensor) -> Tensor:
        """`(*batch, inputs)` -> `(*batch, outputs)`."""
        flat = values.reshape(-1, values.shape[-1])
        self.multiplications = len(flat) * len(self.values)
        self.dense_multiplications = len(flat) * self._matrix.numel()
        found = (self._matrix @ flat.t()).t()
        if self.bias is not None:
            found = found + self.bias
        return found.reshape(*values.shape[:-1], -1)


def csr_module(module: nn.Module) -> nn.Module | None:
    """A copy with sparse matrices for its linear layers; None where it has none.

    Convolutions stay dense: PyTorch has no sparse ones.
    """
    made = copy.deepcopy(module)
    layers = {
        name: part
        for name, part in made.named_modules()
        if isinstance(part, nn.Linear)
        and type(part).forward is nn.Linear.forward
        and not parametrize.is_parametrized(part)
    }
    for name, part in layers.items():
        above, _, leaf = name.rpartition(".")
        setattr(made.get_submodule(above), leaf, CsrLinear(part))
    return made if layers else None
