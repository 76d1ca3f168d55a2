"""What a mask drops stays exactly 0, whatever trains it; what it keeps moves."""

from __future__ import annotations

import pytest
import torch

from tests.helpers.populations import (
    DENSE_LENETS,
    OPTIMIZERS,
    SPARSE_LENETS,
    network,
    population,
    spec,
)
from ticket_hub.data import DataSet
from ticket_hub.training.choice import BACKENDS

CASES = [*DENSE_LENETS, ("lanes", "resnet-8"), *SPARSE_LENETS]


@pytest.mark.parametrize(("backend", "name"), CASES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_masked_weights_are_exactly_0_after_every_step(
    backend: str, name: str, optimizer: str, digits: DataSet
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
def test_survivors_move_whatever_their_sign(backend: str, name: str, digits: DataSet) -> None:
    architecture = network(digits, name)
    members = population(architecture, 1, density=0.5)
    engine = BACKENDS[backend](architecture, digits, spec(), members)
    engine.train(20)
    layer = "output.weight"
    keep, before = members[0].mask[layer], members[0].weights[layer]
    after = engine.weights()[0][layer]
    for sign in (-1, 1):
        chosen = keep & (before.sign() == sign)
        assert chosen.any()
        assert bool((after[chosen] != before[chosen]).float().mean() > 0.9)
        assert torch.isfinite(after[chosen]).all()
