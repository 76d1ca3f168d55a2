"""How weights begin, each a pure function of a seed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from ticket_hub.networks.prunable import prunable_layers
from ticket_hub.networks.registry import build
from ticket_hub.recipe import NetworkSpec
from ticket_hub.recipe.axes import INITIALIZATIONS
from ticket_hub.registry import supply
from ticket_hub.seeds import derive_seed
from ticket_hub.types import Architecture, Weights

__all__ = ["initialize", "register_initialization", "with_fresh_statistics"]

Draw: TypeAlias = Callable[..., object]


def register_initialization(name: str) -> Callable[[Draw], Draw]:
    """Register a function that draws the weights of one prunable layer, in place.

    It declares what it needs by the names of its parameters: `weight`, to be filled; `fan_in` and
    `fan_out`, the connections into one output and out of one input; `groups` of a convolution (1
    for a linear layer); `std`, which the recipe then must give as `network.init_std`; and
    `generator`, of its own for each layer and seed.

    ```python
    @register_initialization("lecun-normal")
    def lecun_normal(weight: Tensor, fan_in: int, generator: torch.Generator) -> None:
        weight.normal_(0.0, fan_in**-0.5, generator=generator)
    ```

    Raises:
        PluginError: the function asks for something else.
    """
    return INITIALIZATIONS.register(name)


@register_initialization("glorot-normal")
def glorot_normal(weight: Tensor, fan_in: int, fan_out: int, generator: torch.Generator) -> None:
    """`(*layer)` of a normal of variance 2 / (fan_in + fan_out) (Glorot & Bengio 2010, eq. 12)."""
    weight.normal_(0.0, math.sqrt(2.0 / (fan_in + fan_out)), generator=generator)


@register_initialization("kaiming-normal")
def kaiming_normal(weight: Tensor, fan_in: int, generator: torch.Generator) -> None:
    """`(*layer)` of a normal of variance 2 / fan_in (He et al. 2015, eq. 10)."""
    # Two roots, as torch's `calculate_gain` over the root of the fan: to the bit what torch draws.
    weight.normal_(0.0, math.sqrt(2.0) / math.sqrt(fan_in), generator=generator)


@register_initialization("normal")
def normal(weight: Tensor, std: float, generator: torch.Generator) -> None:
    """Normal of the same standard deviation in all layers."""
    weight.normal_(0.0, std, generator=generator)


@register_initialization("truncated-normal")
def truncated_normal(weight: Tensor, std: float, generator: torch.Generator) -> None:
    """As `normal`, without what lies two standard deviations and more from 0."""
    nn.init.trunc_normal_(weight, 0.0, std, -2 * std, 2 * std, generator=generator)


@register_initialization("orthogonal")
def orthogonal(weight: Tensor, groups: int, generator: torch.Generator) -> None:
    """Orthonormal rows or columns of the matrix `(outputs, rest)` (Saxe et al. 2014).

    Each group is a map of its own, with nothing in common with the others.
    """
    for block in weight.chunk(groups):
        nn.init.orthogonal_(block, generator=generator)


@register_initialization("default")
def default() -> None:
    """What the module's own constructor draws."""


def _fans(weight: Tensor, groups: int) -> tuple[int, int]:
    """Connections into one output and out of one input: `(fan_in, fan_out)`.

    A convolution in groups connects an output to `inputs / groups` channels, and an input to
    `outputs / groups`, each over the kernel: as in the TPU code of MnasNet and EfficientNet, which
    timm keeps as `fix_group_fanout` (`timm.models._efficientnet_builder`). The weight's shape,
    `(outputs, inputs / groups, *kernel)`, has the first division in it already.
    """
    outputs, inputs, *kernel = weight.shape
    return inputs * math.prod(kernel), outputs // groups * math.prod(kernel)


def initialize(architecture: Architecture, spec: NetworkSpec, seed: int) -> Weights:
    """The state dict at iteration 0, on the CPU, as a pure function of the seed.

    Prunable weights are drawn as `spec.init` says, each layer from its own stream, then multiplied
    by `spec.init_scale`. Of a convolution in groups, fans and matrices are those of one group.

    With all but `default`, biases of prunable layers are 0, and batch norms have weight 1 and
    bias 0. Everything else (such as position embeddings) begins as the module's constructor has
    it, and statistics of norms are always fresh.

    Raises:
        NetworkError: no network has this name, it lacks an option, or a size cannot be.
        RecipeError: nobody has registered `spec.init`.
    """
    draw = INITIALIZATIONS.get(spec.init)
    with torch.device("cpu"):
        module = build(architecture, seed=derive_seed(seed, "init", "module"))
    with torch.no_grad():
        if draw is not default:
            _plain(module)
        for layer in prunable_layers(module):
            weight = module.get_parameter(layer.name)
            groups = getattr(module.get_submodule(_owner(layer.name)), "groups", 1)
            fan_in, fan_out = _fans(weight, groups)
            # By the layer's name: a layer begins the same, whatever other layers the network has.
            generator = torch.Generator().manual_seed(derive_seed(seed, "init", layer.name))
            given = {"weight": weight, "groups": groups, "generator": generator}
            supply(draw, {**given, "fan_in": fan_in, "fan_out": fan_out, "std": spec.init_std})
            weight.mul_(spec.init_scale)
    return {name: value.detach().clone() for name, value in module.state_dict().items()}


def _owner(parameter: str) -> str:
    """The name of the module that has a parameter."""
    return parameter.rpartition(".")[0]


def _plain(module: nn.Module) -> None:
    """Biases of prunable layers 0; batch norms the identity."""
    for layer in prunable_layers(module):
        # Of `weight_hh_l0` it is `bias_hh_l0`.
        leaf = layer.name.rpartition(".")[2].replace("weight", "bias")
        bias = getattr(module.get_submodule(_owner(layer.name)), leaf, None)
        if isinstance(bias, nn.Parameter) and bias.ndim == 1:
            bias.zero_()
    for part in module.modules():
        if isinstance(part, _NormBase):
            part.reset_parameters()


def with_fresh_statistics(architecture: Architecture, weights: Weights) -> dict[str, Tensor]:
    """The state dict with the running statistics of all norms as a new network has them.

    Statistics that were gathered while other weights were trained say nothing about these. What
    counts as a statistic is decided by the type of the module: running mean 0, running variance 1,
    no batches seen.

    Raises:
        NetworkError: as `ticket_hub.networks.build`.
    """
    with torch.device("meta"):
        module = build(architecture)
    result = dict(weights)
    for prefix, part in module.named_modules():
        if isinstance(part, _NormBase) and part.track_running_stats:
            for name, _ in part.named_buffers(prefix, recurse=False):
                fill = torch.ones_like if name.endswith("running_var") else torch.zeros_like
                result[name] = fill(weights[name])
    return result
