"""Which units lie on a path of kept weights from a pixel to a class.

The network is run once on an image of ones, with values that can neither cancel nor vanish: every
kept weight of a unit is 1 over their number, pruned weights are 0, biases are 0, norms let values
through as they are, maximum pools take the mean, and what other parameters there are are positive.
Then a unit's output is above 0 where a pixel reaches it, and the gradient of the sum of all classes
is above 0 where it reaches a class; for the latter every unit is fed by a constant in a second run,
since an activation has no slope at 0. All in float64.

That holds as long as the network only adds, multiplies and lets positive values through. Whether
it does is seen on the network itself: with nothing pruned every unit must be reached from both
sides. Attention does not pass, since the softmax of equal keys has no gradient.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

from ticket_hub.analysis.wiring import module_of
from ticket_hub.networks import build, prunable_layers
from ticket_hub.pruning import full_mask
from ticket_hub.shapes import Bool
from ticket_hub.types import Architecture, Mask, PrunableLayer

__all__ = ["LayerReach", "Reach", "can_reach", "reach"]

Hook: TypeAlias = Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor]
NORMS = (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.LocalResponseNorm)


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerReach:
    """One layer.

    Attributes:
        fed: whether a pixel reaches the unit.
        heard: whether the unit reaches a class.
        idle: kept weights on no path.
    """

    fed: Bool[Tensor, " units"]
    heard: Bool[Tensor, " units"]
    idle: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Reach:
    """A whole network: numbers of the image that reach no class, and its layers by name."""

    unused_pixels: int
    layers: Mapping[str, LayerReach]


@functools.lru_cache(maxsize=32)
def can_reach(architecture: Architecture) -> bool:
    """Whether paths can be followed: the unpruned network is reached everywhere.

    Raises:
        NetworkError: as `ticket_hub.networks.build`.
    """
    module = build(architecture)
    try:
        found = reach(architecture, full_mask(prunable_layers(module)))
    except (AttributeError, RuntimeError, TypeError):
        return False
    return not found.unused_pixels and all(
        bool(each.fed.all()) and bool(each.heard.all()) for each in found.layers.values()
    )


def reach(architecture: Architecture, mask: Mask) -> Reach:
    """Follow all paths of kept weights.

    Raises:
        NetworkError: as `ticket_hub.networks.build`.
    """
    with torch.device("cpu"):
        module = build(architecture).double().eval()
    layers = prunable_layers(module)
    _conduct(module, layers, mask)
    image, outputs = _run(module, layers, architecture, constant=0.0)
    # Before the second run, whose constants feed weights that no pixel reaches.
    idle = {layer.name: _idle(module_of(module, layer), mask[layer.name]) for layer in layers}
    _, constant = _run(module, layers, architecture, constant=1.0)
    assert image.grad is not None, "a network depends on its image"
    return Reach(
        unused_pixels=int((image.grad == 0).sum()),
        layers={
            layer.name: LayerReach(
                fed=_by_unit(outputs[layer.name].detach(), module_of(module, layer)) > 0,
                heard=_by_unit(_slope(constant[layer.name]), module_of(module, layer)) > 0,
                idle=idle[layer.name],
            )
            for layer in layers
        },
    )


def _run(
    module: nn.Module,
    layers: Sequence[PrunableLayer],
    architecture: Architecture,
    *,
    constant: float,
) -> tuple[Tensor, dict[str, Tensor]]:
    """The image and the outputs of all layers, each with its gradient.

    Args:
        constant: added to the output of every layer.
    """
    outputs: dict[str, Tensor] = {}
    hooks = [
        module_of(module, layer).register_forward_hook(_keeping(outputs, layer.name, constant))
        for layer in layers
    ]
    # Of the run before: both are of one module.
    module.zero_grad()
    image = torch.ones(1, *architecture.input_shape, dtype=torch.float64, requires_grad=True)
    with torch.enable_grad():
        module(image).sum().backward()
    for hook in hooks:
        hook.remove()
    return image, outputs


def _keeping(outputs: dict[str, Tensor], name: str, constant: float) -> Hook:
    def keep(_part: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        """Keep the layer's output, shifted, so that its gradient can be asked for."""
        outputs[name] = output + constant
        outputs[name].retain_grad()
        return outputs[name]

    return keep


def _idle(part: nn.Module, keep: Tensor) -> int:
    """Kept weights that lie on no path: no pixel reaches them, or they reach no class."""
    weight = part.weight
    assert isinstance(weight, Tensor), "prunable layers have a weight"
    return int((keep & (_slope(weight) == 0)).sum())


def _slope(values: Tensor) -> Tensor:
    return torch.zeros_like(values) if values.grad is None else values.grad


def _by_unit(values: Tensor, part: nn.Module) -> Tensor:
    axis = 1 if isinstance(part, _ConvNd) else values.ndim - 1
    return values.abs().movedim(axis, 0).flatten(1).sum(1)


@torch.no_grad()
def _conduct(module: nn.Module, layers: tuple[PrunableLayer, ...], mask: Mask) -> None:
    """Let the network add up paths, in place."""
    for name, part in list(module.named_modules()):
        if name and isinstance(part, NORMS):
            _replace(module, name, nn.Identity())
        elif name and isinstance(part, nn.MaxPool2d) and part.dilation == 1:
            _replace(
                module,
                name,
                nn.AvgPool2d(part.kernel_size, part.stride, part.padding, ceil_mode=part.ceil_mode),
            )
    for value in module.parameters():
        value.abs_().requires_grad_(False)  # noqa: FBT003 - torch's own order
    for layer in layers:
        part, keep = module_of(module, layer), mask[layer.name].double()
        # A unit that keeps nothing has nothing to share out among its weights.
        per_unit = keep.flatten(1).sum(1).clamp(min=1).view(-1, *[1] * (keep.ndim - 1))
        part.weight.copy_(keep / per_unit).requires_grad_()  # type: ignore[operator]
        if isinstance(part.bias, Tensor):
            part.bias.zero_()


def _replace(module: nn.Module, name: str, part: nn.Module) -> None:
    parent, _, last = name.rpartition(".")
    setattr(module.get_submodule(parent), last, part)
