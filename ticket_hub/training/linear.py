"""One fully connected layer of a group of members: forward, and backward written by hand.

`Together` computes all members by one batched product; it is what small layers need, where each
call costs more than its arithmetic, and what a GPU needs. `Alone` computes the layer of a single
member; from some size on by oneDNN, whose products of float32 matrices are up to twice as fast as
those behind `torch.mm` on processors with AVX-512, and no slower on others.
On a CPU both give a member the same bits whoever else is in the group; on a GPU `Together` does so
only with as many members, by whose number cuBLAS chooses its kernels.
"""

from __future__ import annotations

import functools
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

__all__ = ["Alone", "LinearLayer", "Together", "onednn_pays"]

ONEDNN_FROM = 1_500_000
"""Multiplications from which one product is worth oneDNN's 10 microseconds a call."""


@functools.cache
def _has_onednn() -> bool:
    return torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def onednn_pays(rows: int, fan_in: int, fan_out: int) -> bool:
    """Whether `(rows, fan_in) @ (fan_in, fan_out)` on a CPU is computed by oneDNN."""
    return rows * fan_in * fan_out >= ONEDNN_FROM and _has_onednn()


@runtime_checkable
class LinearLayer(Protocol):
    """A fully connected layer of a group.

    Shapes:
        `x`: `(members, rows, fan_in)`; `delta`, the gradient of the loss with respect to the
        layer's sums: `(members, rows, fan_out)`. A single member's have no first axis.
    """

    def forward(self, x: Tensor) -> Tensor:
        """The layer's values, after ReLU where it has one."""

    def backward(self, delta: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """Gradients of weight and bias."""

    def below(self, delta: Tensor, x: Tensor) -> Tensor:
        """The gradient with respect to the sums of the layer below, whose values are `x`."""


class Together:
    """The layer of all members by batched products, gradients written in place."""

    def __init__(
        self, weight: Tensor, bias: Tensor, gradients: tuple[Tensor, Tensor], *, relu: bool
    ) -> None:
        self._weight, self._turned = weight, weight.transpose(1, 2)
        self._bias = bias.unsqueeze(1)
        self._gradients, self._relu = gradients, relu

    def forward(self, x: Tensor) -> Tensor:
        """The layer's values, after ReLU where it has one."""
        sums = torch.baddbmm(self._bias, x, self._turned)
        return sums.relu_() if self._relu else sums

    def backward(self, delta: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """Gradients of weight and bias, in the memory that was given for them."""
        weight, bias = self._gradients
        torch.bmm(delta.transpose(1, 2), x, out=weight)
        torch.sum(delta, 1, out=bias)
        return self._gradients

    def below(self, delta: Tensor, x: Tensor) -> Tensor:
        """The gradient with respect to the sums of the layer below, whose values are `x`."""
        return _through_relu(torch.bmm(delta, self._weight), x)


class Alone:
    """The layer of one member, its product by oneDNN or by `torch.mm`, whichever pays."""

    def __init__(self, weight: Tensor, bias: Tensor, *, relu: bool) -> None:
        self._weight, self._turned, self._bias, self._relu = weight, weight.t(), bias, relu
        self._after = "relu" if relu else "none"

    def _pays(self, rows: int) -> bool:
        return onednn_pays(rows, *self._weight.shape)

    def forward(self, x: Tensor) -> Tensor:
        """The layer's values, after ReLU where it has one."""
        if self._pays(len(x)):
            return _product(x, self._weight, self._bias, self._after)
        sums = torch.addmm(self._bias, x, self._turned)
        return sums.relu_() if self._relu else sums

    def backward(self, delta: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """Gradients of weight and bias."""
        turned = delta.t()
        if self._pays(len(x)):
            return _product(turned.contiguous(), x.t()), delta.sum(0)
        return torch.mm(turned, x), delta.sum(0)

    def below(self, delta: Tensor, x: Tensor) -> Tensor:
        """The gradient with respect to the sums of the layer below, whose values are `x`."""
        if self._pays(len(x)):
            return _through_relu(_product(delta, self._turned), x)
        return _through_relu(torch.mm(delta, self._weight), x)


def _product(x: Tensor, weight: Tensor, bias: Tensor | None = None, after: str = "none") -> Tensor:
    """`x @ weight.T + bias`, then `after`, by oneDNN."""
    result: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, after, [], "")  # noqa: SLF001 - the only door to it
    return result


def _through_relu(gradient: Tensor, values: Tensor) -> Tensor:
    # By the values after ReLU, which are 0 where it is closed: the sums before it need not be kept.
    result: Tensor = torch.ops.aten.threshold_backward(gradient, values, 0)
    return result
