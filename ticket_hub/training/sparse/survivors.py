"""The survivors of a fully connected network: where they are, and dense tensors from and to them.

Both backends keep all parameters of a member in one flat vector: first the surviving weights of
every layer, row by row, then the biases of every layer. Optimizer states have the same shape.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from ticket_hub.networks import build, prunable_layers
from ticket_hub.networks.lenet import LeNet
from ticket_hub.recipe import TrainingSpec
from ticket_hub.shapes import Float32, Int64
from ticket_hub.types import Architecture, Mask, PrunableLayer

__all__ = ["SparseLayer", "SparseLayers", "refusal"]


@dataclass(frozen=True, kw_only=True, eq=False)
class SparseLayer:
    """One fully connected layer.

    Attributes:
        weight, bias: the parameters' names.
        outputs, inputs: the shape of the weight.
        kept: int64 `(survivors,)`, growing: places of the survivors in the flattened weight.
    """

    weight: str
    bias: str
    outputs: int
    inputs: int
    kept: Int64[Tensor, " survivors"]

    @property
    def rows(self) -> Int64[Tensor, " survivors"]:
        """The output unit of each survivor."""
        return self.kept // self.inputs

    @property
    def columns(self) -> Int64[Tensor, " survivors"]:
        """The input of each survivor."""
        return self.kept % self.inputs

    @cached_property
    def starts(self) -> Int64[Tensor, " outputs_and_end"]:
        """Where each output unit's survivors begin; the last entry is their number."""
        counts = torch.bincount(self.rows, minlength=self.outputs)
        return torch.cat([torch.zeros(1, dtype=torch.int64), counts.cumsum(0)])


@dataclass(frozen=True, kw_only=True, eq=False)
class SparseLayers:
    """All layers of one member, from the image to the classes."""

    layers: tuple[SparseLayer, ...]

    @classmethod
    def of(cls, architecture: Architecture, mask: Mask) -> SparseLayers:
        """What `mask` keeps of a LeNet; a layer that has no mask is dense."""
        with torch.device("meta"):
            found = prunable_layers(build(architecture))
        return cls(layers=tuple(_layer(each, mask.get(each.name)) for each in found))

    @property
    def count(self) -> int:
        """Number of surviving weights."""
        return sum(len(layer.kept) for layer in self.layers)

    @property
    def units(self) -> int:
        """Number of biases."""
        return sum(layer.outputs for layer in self.layers)

    def pack(self, tensors: Mapping[str, Tensor], prefix: str = "") -> Float32[Tensor, " flat"]:
        """The flat vector of dense tensors, `(*layer)` each, named `prefix` + parameter."""
        weights = [
            tensors[prefix + layer.weight].detach().cpu().flatten()[layer.kept]
            for layer in self.layers
        ]
        biases = [tensors[prefix + layer.bias].detach().cpu() for layer in self.layers]
        return torch.cat([*weights, *biases])

    def unpack(self, flat: Float32[Tensor, " flat"]) -> dict[str, Tensor]:
        """Dense tensors, `(*layer)` each by parameter, exactly 0 where nothing survives."""
        sizes = [len(layer.kept) for layer in self.layers]
        sizes += [layer.outputs for layer in self.layers]
        parts = flat.split(sizes)
        result = {}
        for index, layer in enumerate(self.layers):
            dense = torch.zeros(layer.outputs * layer.inputs)
            dense[layer.kept] = parts[index]
            result[layer.weight] = dense.view(layer.outputs, layer.inputs)
            # A copy: a view of the flat vector would change with the next step.
            result[layer.bias] = parts[len(self.layers) + index].clone()
        return result


def _layer(layer: PrunableLayer, keep: Tensor | None) -> SparseLayer:
    outputs, inputs = layer.shape
    everything = torch.ones(layer.size, dtype=torch.bool)
    kept = everything if keep is None else keep.cpu().flatten()
    return SparseLayer(
        weight=layer.name,
        bias=layer.name.removesuffix("weight") + "bias",
        outputs=outputs,
        inputs=inputs,
        kept=kept.nonzero().flatten(),
    )


def refusal(module: nn.Module, training: TrainingSpec, device: torch.device) -> str | None:
    """Why training over survivors cannot be had for a network on a device, or None.

    The answer completes "The backend ... cannot".
    """
    if device.type != "cpu":
        return f"train on a {device.type} device; it is made for CPUs"
    if not isinstance(module, LeNet):
        return (
            f"train a {type(module).__name__}; it is made for fully connected networks (lenet-...)"
        )
    if training.precision != "float32":
        return f"train in {training.precision}"
    if module.dropout.p > 0:
        return "train with dropout"
    return None
