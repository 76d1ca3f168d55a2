"""One forward pass of a module that has no memory for its weights, to see what flows through it."""

from __future__ import annotations

import itertools

import torch
from torch import nn
from torch.func import functional_call

__all__ = ["pass_through"]

SMALL = 1 << 24
"""Numbers of weights up to which zeros are computed on the CPU: at most 64 MB for a copy."""


def pass_through(module: nn.Module, shape: tuple[int, ...]) -> None:
    """Run `module`, which lies on the meta device, on inputs of this shape; its hooks see shapes.

    Small networks compute on zeros that take no memory. The meta device would do, too, but its
    first operation imports torch's compiler, which takes seconds.

    Raises:
        NotImplementedError, RuntimeError, AssertionError, ValueError: as the module does; the
            first, among others, where it reads values and lies on the meta device.
    """
    named = dict(itertools.chain(module.named_parameters(), module.named_buffers()))
    with torch.no_grad():
        if sum(value.numel() for value in named.values()) > SMALL:
            with torch.device("meta"):
                module(torch.empty(shape))
            return
        zeros = {
            name: torch.zeros((), dtype=value.dtype).expand(value.shape)
            for name, value in named.items()
        }
        functional_call(module, zeros, (torch.zeros(shape),))
