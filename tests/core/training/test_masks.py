"""What a mask drops stays exactly 0, whatever trains it; what it keeps moves."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from ticket_hub.data import DataSet
from ticket_hub.recipe import TrainingSpec
from ticket_hub.training import Member
from ticket_hub.training.choice import BACKENDS
from ticket_hub.types import Architecture

OPTIMIZERS = {
    "sgd": {"optimizer": "sgd", "lr": 0.05, "weight_decay": 1e-2},
    "momentum": {"optimizer": "sgd", "lr": 0.05, "momentum": 0.9, "weight_decay": 1e-2},
    "nesterov": {
        "optimizer": "sgd",
        "lr": 0.05,
        "momentum": 0.9,
        "nesterov": True,
        "weight_decay": 1e-2,
    },
    "adam": {"optimizer": "adam", "lr": 1e-2, "weight_decay": 1e-2},
    "adamw": {"optimizer": "adamw", "lr": 1e-2, "weight_decay": 1e-1},
}
CASES = [
    ("stack", "lenet-24-16"),
    ("stack", "lenet-1000-300"),
    ("vmap", "lenet-24-16"),
    ("plain", "lenet-24-16"),
    ("lanes", "resnet-8"),
    ("sparse-numba", "lenet-24-16"),
    ("sparse-torch", "lenet-24-16"),
]


@pytest.mark.parametrize(("backend", "name"), CASES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_masked_weights_are_exactly_0_after_every_step(
    backend: str,
    name: str,
    optimizer: str,
    digits: DataSet,
    network: Callable[..., Architecture],
    population: Callable[..., list[Member]],
    spec: Callable[..., TrainingSpec],
) -> None:
    architecture = network(digits, name)
    members = population(architecture, 2, density=0.3)
    training = spec(batch_size=50, **OPTIMIZERS[optimizer])
    engine = BACKENDS[backend](architecture, digits, training, members)
    for step in range(1, 5):
        engine.train(step)
        for member, weights, state in zip(members, engine.weights(), engine.states(), strict=True):
            for layer, keep in member.mask.items():
                assert not weights[layer][~keep].any()
                for kind, value in state.tensors.items():
                    if kind.endswith(f"/{layer}"):
                        assert not value[~keep].any(), kind


@pytest.mark.parametrize(("backend", "name"), CASES)
def test_survivors_move_whatever_their_sign(
    backend: str,
    name: str,
    digits: DataSet,
    network: Callable[..., Architecture],
    population: Callable[..., list[Member]],
    spec: Callable[..., TrainingSpec],
) -> None:
    architecture = network(digits, name)
    members = population(architecture, 1, density=0.5)
    engine = BACKENDS[backend](architecture, digits, spec(), members)
    engine.train(20)
    after = engine.weights()[0]
    for layer in ("output.weight",):
        keep, before = members[0].mask[layer], members[0].weights[layer]
        for sign in (-1, 1):
            chosen = keep & (before.sign() == sign)
            assert chosen.any()
            assert bool((after[layer][chosen] != before[chosen]).float().mean() > 0.9)
            assert torch.isfinite(after[layer][chosen]).all()
