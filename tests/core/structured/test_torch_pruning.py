"""Beside torch-pruning itself: half of all units gone, the same numbers of parameters."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch_pruning
from torch import nn

from tests.helpers.units import units_mask
from ticket_hub.networks import architecture_for, build, initialize
from ticket_hub.recipe import NetworkSpec, PruningSpec
from ticket_hub.structured import shrink, structure_of
from ticket_hub.types import Architecture

KINDS = ("stem", "conv", "fc", "shortcut")


def parameters(module: nn.Module) -> int:
    return sum(value.numel() for value in module.parameters())


def ours(architecture: Architecture, name: str) -> nn.Module:
    theta0 = initialize(architecture, NetworkSpec(name=name), seed=0)
    spec = PruningSpec(granularity="unit", rates=dict.fromkeys(KINDS, 0.5))
    return shrink(architecture, theta0, units_mask(architecture, spec, theta0)).build()


def fixed_modules(module: nn.Module, architecture: Architecture) -> Iterator[nn.Module]:
    """The layers whose units we refuse to drop, for them to leave alone, too."""
    for name in structure_of(architecture).fixed:
        yield module.get_submodule(name.rpartition(".")[0])


def theirs(architecture: Architecture) -> nn.Module:
    module = build(architecture)
    heads = {
        part.qkv: part.num_heads
        for part in module.modules()
        if isinstance(getattr(part, "qkv", None), nn.Linear)
    }
    options: dict[str, Any] = {}
    if heads:  # heads are dropped whole, as ours are
        options = {"num_heads": heads, "prune_num_heads": True, "prune_head_dims": False}
        options["head_pruning_ratio"] = 0.5
    with warnings.catch_warnings(), torch.enable_grad():
        warnings.simplefilter("ignore")
        pruner = torch_pruning.pruner.BasePruner(
            module,
            torch.rand(2, *architecture.input_shape),
            importance=torch_pruning.importance.GroupMagnitudeImportance(p=1),
            pruning_ratio=0.5,
            ignored_layers=list(fixed_modules(module, architecture)),
            **options,
        )
        pruner.step()
    return module


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("lenet-300-100", (1, 28, 28)),
        ("conv-2", (3, 32, 32)),
        ("conv-6", (3, 32, 32)),
        ("resnet-20", (3, 32, 32)),
        pytest.param("vgg-19", (3, 32, 32), marks=pytest.mark.slow),
        pytest.param("timm:mobilenetv2_100", (3, 64, 64), marks=pytest.mark.slow),
        pytest.param("timm:convnext_atto", (3, 64, 64), marks=pytest.mark.slow),
        pytest.param("timm:vit_tiny_patch16_224", (3, 224, 224), marks=pytest.mark.slow),
    ],
)
def test_half_of_the_units_leave_as_many_parameters_as_torch_pruning_leaves(
    name: str, shape: tuple[int, int, int]
) -> None:
    architecture = architecture_for(NetworkSpec(name=name), shape, 10)
    mine, other = ours(architecture, name), theirs(architecture)
    assert parameters(mine) == parameters(other) < 0.8 * parameters(build(architecture))
