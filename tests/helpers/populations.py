"""Networks, members and short trainings for the tests of the backends."""

from __future__ import annotations

import dataclasses

import torch

from ticket_hub.data import DataSet
from ticket_hub.networks import build, initialize, prunable_layers
from ticket_hub.recipe import NetworkSpec, TrainingSpec
from ticket_hub.training import Curves, Member, Trained
from ticket_hub.types import Architecture, Mask

DENSE_LENETS = [
    ("stack", "lenet-24-16"),
    ("stack", "lenet-1000-300"),
    ("vmap", "lenet-24-16"),
    ("plain", "lenet-24-16"),
]
"""Backends that train every weight, each with a network."""
SPARSE_LENETS = [("sparse-numba", "lenet-24-16"), ("sparse-torch", "lenet-24-16")]
"""Backends that train survivors alone."""
_DECAY = {"weight_decay": 1e-3}
OPTIMIZERS: dict[str, dict[str, object]] = {
    "sgd": {"optimizer": "sgd", "lr": 0.05, **_DECAY},
    "momentum": {"optimizer": "sgd", "lr": 0.02, "momentum": 0.9, **_DECAY},
    "nesterov": {"optimizer": "sgd", "lr": 0.02, "momentum": 0.9, "nesterov": True, **_DECAY},
    "adam": {"optimizer": "adam", "lr": 1e-3, **_DECAY},
    "adamw": {"optimizer": "adamw", "lr": 1e-3, "weight_decay": 1e-2, "beta1": 0.8},
}
"""Every optimizer, by the name of its rule, with decay: fields of `spec`."""


def network(data: DataSet, name: str, **options: float) -> Architecture:
    """An architecture for a data set."""
    channels, height, width = data.input_shape
    return Architecture(
        name=name,
        options=tuple(sorted(options.items())),
        channels=channels,
        height=height,
        width=width,
        classes=data.classes,
    )


def population(
    architecture: Architecture, count: int, density: float = 0.5, start: int = 0
) -> list[Member]:
    """Members with own weights, and masks of about the given density."""
    return [_member(architecture, seed, density, start) for seed in range(count)]


def _member(architecture: Architecture, seed: int, density: float, start: int) -> Member:
    module = build(architecture)
    generator = torch.Generator().manual_seed(seed)
    mask: Mask = {
        layer.name: torch.rand(layer.shape, generator=generator) < density
        for layer in prunable_layers(module)
    }
    return Member(
        name=f"trial-{seed}",
        seed=seed,
        level=1,
        weights=initialize(architecture, NetworkSpec(name=architecture.name), seed),
        mask=mask,
        start=start,
    )


def spec(**fields: object) -> TrainingSpec:
    """A short training; any field may be given."""
    base: dict[str, object] = {
        "iterations": 40,
        "batch_size": 16,
        "optimizer": "adam",
        "lr": 1e-2,
        "evaluate_every": 10,
    }
    return TrainingSpec(**{**base, **fields})  # type: ignore[arg-type]


def assert_same(one: Trained, other: Trained) -> None:
    """Two results agree in every bit."""
    assert one.weights.keys() == other.weights.keys()
    for name, value in one.weights.items():
        assert torch.equal(value, other.weights[name]), name
    for field in dataclasses.fields(Curves):
        left, right = getattr(one.curves, field.name), getattr(other.curves, field.name)
        assert (left is None) == (right is None), field.name
        if left is None:
            continue
        if field.name == "measured":
            assert left == right
            continue
        assert torch.equal(left.nan_to_num(-1), right.nan_to_num(-1)), field.name
    assert one.iterations == other.iterations
    assert one.backend == other.backend
