"""Members as rows of one matrix: weights, gradients and masks, padded to whole vectors.

A row is padded to a multiple of 64 floats, so that a kernel that works through the whole matrix
meets each member's values at the same place of its vectors whoever else is in the matrix: a
member's bits do not depend on its neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from ticket_hub.pruning.masks import masked
from ticket_hub.training.member import Member
from ticket_hub.types import Weights

__all__ = ["PADDING", "Layout"]

PADDING = 64


class Layout:
    """Where each parameter of a network lies in a row.

    Attributes:
        shapes: parameter name -> shape, in the order of the network.
        width: floats of a row, padding included.
    """

    def __init__(self, module: nn.Module) -> None:
        self.shapes = {name: tuple(value.shape) for name, value in module.named_parameters()}
        self._places: dict[str, tuple[int, int]] = {}
        place = 0
        for name, value in module.named_parameters():
            self._places[name] = (place, place + value.numel())
            place += value.numel()
        self.width = -(-place // PADDING) * PADDING

    def views(self, rows: Tensor) -> dict[str, Tensor]:
        """Each parameter of all members, `(members, *shape)`, as a view of `(members, width)`."""
        return {
            name: rows[:, first:last].view(len(rows), *self.shapes[name])
            for name, (first, last) in self._places.items()
        }

    def pack(self, states: Sequence[Mapping[str, Tensor]], device: torch.device) -> Tensor:
        """Rows of the parameters of each member, `(members, width)`."""
        rows = torch.zeros(len(states), self.width)
        for name, view in self.views(rows).items():
            for row, state in zip(view, states, strict=True):
                row.copy_(state[name])
        return rows.to(device)

    def unpack(self, rows: Tensor) -> list[Weights]:
        """The parameters of each member, copied to the CPU."""
        views = self.views(rows.detach().cpu())
        return [
            {name: view[index].clone() for name, view in views.items()}
            for index in range(len(rows))
        ]

    def weights(self, members: Sequence[Member], device: torch.device) -> Tensor:
        """The rows that members start from, 0 where their masks drop."""
        return self.pack([masked(member.weights, member.mask) for member in members], device)

    def masks(self, members: Sequence[Member], device: torch.device) -> Tensor | None:
        """1 where a weight is kept, else 0; None where every member keeps everything."""
        if all(bool(keep.all()) for member in members for keep in member.mask.values()):
            return None
        whole = {name: torch.ones(shape) for name, shape in self.shapes.items()}
        return self.pack([{**whole, **member.mask} for member in members], device)
