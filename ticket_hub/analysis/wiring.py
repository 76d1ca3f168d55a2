"""Which units a weight connects: kept weights into and out of each unit of a layer."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.modules.conv import _ConvTransposeNd

from ticket_hub.shapes import Bool, Int64
from ticket_hub.types import PrunableLayer

__all__ = ["incoming", "module_of", "outgoing"]


def module_of(module: nn.Module, layer: PrunableLayer) -> nn.Module:
    """The Conv or Linear that a layer's weight belongs to."""
    return module.get_submodule(layer.name.rpartition(".")[0])


def incoming(keep: Bool[Tensor, "*weight"], part: nn.Module) -> Int64[Tensor, " units"]:
    """Kept weights into each unit: output neurons of a Linear, output channels of a convolution.

    Args:
        keep: the mask of the layer's weight.
        part: the layer.
    """
    rows, groups = _by_output(keep, part)
    del groups
    return rows.flatten(1).sum(1)


def outgoing(keep: Bool[Tensor, "*weight"], part: nn.Module) -> Int64[Tensor, " inputs"]:
    """Kept weights out of each input of the layer: input features, or input channels."""
    rows, groups = _by_output(keep, part)
    outputs, inputs = rows.shape[:2]
    return rows.reshape(groups, outputs // groups, inputs, -1).sum((1, 3)).reshape(-1)


def _by_output(keep: Tensor, part: nn.Module) -> tuple[Tensor, int]:
    """The mask as `(outputs, inputs of a group, ...)`, and the number of groups."""
    groups = int(getattr(part, "groups", 1))
    if not isinstance(part, _ConvTransposeNd):
        return keep, groups
    inputs, outputs = keep.shape[:2]
    split = keep.reshape(groups, inputs // groups, outputs, *keep.shape[2:]).transpose(1, 2)
    return split.reshape(groups * outputs, inputs // groups, *keep.shape[2:]), groups
