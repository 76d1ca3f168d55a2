"""How weights begin, each a pure function of a seed."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ticket_hub.networks.prunable import prunable_layers
from ticket_hub.recipe import NetworkSpec
from ticket_hub.types import Weights, derive_seed

__all__ = ["initialize"]


def initialize(module: nn.Module, spec: NetworkSpec, seed: int) -> Weights:
    """The state dict at iteration 0, on the CPU, as a pure function of the seed.

    `glorot-normal` draws prunable weights from a normal distribution of variance
    2 / (fan_in + fan_out) and sets all biases to 0 (Glorot & Bengio 2010).
    """
    generator = torch.Generator().manual_seed(derive_seed(seed, "init"))
    state = {name: value.detach().cpu().clone() for name, value in module.state_dict().items()}
    for layer in prunable_layers(module):
        weight = state[layer.name]
        nn.init.xavier_normal_(weight, generator=generator)
        weight.mul_(spec.init_scale)
        bias = layer.name.removesuffix("weight") + "bias"
        if bias in state:
            _zero(state[bias])
    return state


def _zero(values: Tensor) -> None:
    values.zero_()
