"""The sizes of SimplePruning's table before and after half of the units go."""

from __future__ import annotations

import math

import pytest
import torch

from ticket_hub.networks import architecture_for, initialize, outline
from ticket_hub.pruning import full_mask
from ticket_hub.recipe import NetworkSpec
from ticket_hub.structured import shrink, structure_of
from ticket_hub.types import Architecture, Weights

CIFAR = (3, 32, 32)


def numbers(values: Weights) -> int:
    """Weights, biases and statistics, without counters."""
    return sum(value.numel() for value in values.values() if value.ndim)


def after(architecture: Architecture, weights: Weights, more: int) -> int:
    """What is left where each group keeps C - floor(C / 2) units and so many more."""
    mask = {name: keep.clone() for name, keep in full_mask(outline(architecture).layers).items()}
    for group in structure_of(architecture).groups:
        gone = torch.arange(group.size) >= group.size - math.floor(group.size / 2) + more
        group.clear(mask, gone)
    return numbers(shrink(architecture, weights, mask).weights)


@pytest.mark.parametrize(
    ("name", "before", "half_and_one", "half"),
    [
        ("vgg-14", 13_349_962, 3_372_312, 3_341_866),
        ("mobilenet-v1", 1_636_778, 430_625, 426_714),
        ("densenet-40", 1_119_434, 349_886, 291_154),
        ("simplenet", 1_726_986, 447_732, 433_930),
    ],
)
def test_the_sizes_are_those_that_the_rule_of_the_table_gives(
    name: str, before: int, half_and_one: int, half: int
) -> None:
    """In bytes of 4 a number: 53.40 -> 13.49, 6.55 -> 1.72, 4.48 -> 1.40, 6.91 -> 1.79 MB."""
    network = NetworkSpec(name=name)
    architecture = architecture_for(network, CIFAR, 10)
    weights = initialize(architecture, network, 0)
    assert numbers(weights) == before
    assert after(architecture, weights, 1) == half_and_one
    assert after(architecture, weights, 0) == half
