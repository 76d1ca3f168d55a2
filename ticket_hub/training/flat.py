"""Members in one flat buffer: weights, gradients and masks, padded to whole vectors.

The buffer is a multiple of 64 floats long, so that a kernel that works through it uses nothing
but whole vectors: what it computes for a value depends neither on where the value lies nor on
what else is in the buffer. So a member's bits do not depend on its neighbours, as far as products
and sums of the members are computed apart; on a GPU they are not (see `linear`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from ticket_hub.pruning.masks import masked
from ticket_hub.training.member import Member
from ticket_hub.types import Weights

__all__ = ["PADDING", "Layout"]

PADDING = 64
"""The size of a member is a multiple of so many numbers: of float32, 256 bytes."""


class Layout:
    """Where each parameter of some members lies: one parameter of all of them after the other.

    So the weights of one layer of all members are one contiguous tensor, which batched products
    want.

    Attributes:
        shapes: parameter name -> shape, in the order of the network.
        members: how many there are.
        size: floats of the buffer, padding included.
    """

    def __init__(self, module: nn.Module, members: int) -> None:
        self.shapes = {name: tuple(value.shape) for name, value in module.named_parameters()}
        self.members = members
        used = members * sum(math.prod(shape) for shape in self.shapes.values())
        self.size = -(-used // PADDING) * PADDING

    def views(self, buffer: Tensor) -> dict[str, Tensor]:
        """Each parameter of all members, `(members, *shape)`, as a view of `(size,)`."""
        found, place = {}, 0
        for name, shape in self.shapes.items():
            end = place + self.members * math.prod(shape)
            found[name] = buffer[place:end].view(self.members, *shape)
            place = end
        return found

    def pack(self, states: Sequence[Mapping[str, Tensor]], device: torch.device) -> Tensor:
        """The parameters of each member in a new buffer, float32 `(size,)`."""
        buffer = torch.zeros(self.size)
        for name, view in self.views(buffer).items():
            for place, state in zip(view, states, strict=True):
                place.copy_(state[name])
        return buffer.to(device)

    def unpack(self, buffer: Tensor) -> list[Weights]:
        """The parameters, `(*shape)` each, of each member of `(size,)`, copied to the CPU."""
        views = self.views(buffer.detach().cpu())
        return [
            {name: view[index].clone() for name, view in views.items()}
            for index in range(self.members)
        ]

    def weights(self, members: Sequence[Member], device: torch.device) -> Tensor:
        """What members start from, 0 where their masks drop: float32 `(size,)`."""
        return self.pack([masked(member.weights, member.mask) for member in members], device)

    def masks(self, members: Sequence[Member], device: torch.device) -> Tensor | None:
        """1 where a weight is kept, else 0: `(size,)`; None where every member keeps everything."""
        if all(bool(keep.all()) for member in members for keep in member.mask.values()):
            return None
        # What no mask names, such as biases, is kept.
        whole = {name: torch.ones(shape) for name, shape in self.shapes.items()}
        return self.pack([{**whole, **member.mask} for member in members], device)
