"""How a network's numbers lie in memory: channels-last, save where that is unsafe."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["is_unsafe_in_channels_last", "lay_out"]

CONTIGUOUS = {("cuda", "float32")}
"""Devices and number formats for which convolutions are not laid out in channels-last.

cuDNN's kernels for channels-last are made for tensor cores, which real float32 does not use.
**Not yet measured on a GPU**; the CPU's choice is (`benchmarks/layouts.py`).
"""

BLOCK = 16
"""The most input channels that a kernel of oneDNN takes at once: 8 with AVX2, 16 with AVX-512."""


def is_unsafe_in_channels_last(part: nn.Module) -> bool:
    """Whether oneDNN may write past its memory when it trains this layer in channels-last.

    For the gradient of the weights of a 1x1 convolution with a stride, oneDNN gathers the inputs
    that the stride leaves in a workspace with room for the channels that there are, and fills it
    by whole blocks of channels. With fewer channels than a block it writes past the end: the
    process dies, hangs, or goes on with wrong gradients
    (https://github.com/uxlfoundation/oneDNN/issues/6035, open in oneDNN 3.12, which torch 2.13
    brings). A block is taken as that of the widest processors, so that every machine lays out a
    network in the same way. `benchmarks/layouts.py` looks for other layers of this kind.
    """
    return (
        isinstance(part, nn.Conv2d)
        and part.kernel_size == (1, 1)
        and part.stride != (1, 1)
        and part.in_channels // part.groups < BLOCK
    )


def lay_out(module: nn.Module, precision: str = "float32") -> torch.memory_format:
    """Lay out a module's convolutions, and say how its inputs are to lie; see `CONTIGUOUS`.

    A network without convolutions stays as it is. On a CPU, layers that are unsafe in
    channels-last keep contiguous weights, and their inputs are copied into that order.
    """
    found = next((part for part in module.modules() if isinstance(part, nn.Conv2d)), None)
    if found is None or (found.weight.device.type, precision) in CONTIGUOUS:
        return torch.contiguous_format
    module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for part in module.modules():
        if not isinstance(part, nn.Conv2d) or part.weight.device.type != "cpu":
            continue
        if is_unsafe_in_channels_last(part):
            part.weight.data = _contiguous(part.weight.data)
            part.register_forward_pre_hook(_with_contiguous_input)
    return torch.channels_last


def _with_contiguous_input(part: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    del part
    return (_contiguous(inputs[0]), *inputs[1:])


def _contiguous(value: Tensor) -> Tensor:
    # Not `contiguous()`: with one channel it returns the tensor as it is, whose strides still say
    # channels-last to a convolution.
    return value.clone(memory_format=torch.contiguous_format)
