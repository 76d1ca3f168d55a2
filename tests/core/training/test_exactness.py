"""What a member becomes depends on nothing but the member and the recipe."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ticket_hub.data import DataSet
from ticket_hub.recipe import TrainingSpec
from ticket_hub.training import Member, Trained, train
from ticket_hub.types import Architecture

CASES = [
    ("stack", "lenet-24-16"),
    ("stack", "lenet-1000-300"),
    ("vmap", "lenet-24-16"),
    ("plain", "lenet-24-16"),
]


@pytest.mark.parametrize(("backend", "name"), CASES)
@pytest.mark.parametrize("density", [1.0, 0.4])
def test_members_trained_together_match_members_trained_alone(
    backend: str,
    name: str,
    density: float,
    digits: DataSet,
    network: Callable[..., Architecture],
    population: Callable[..., list[Member]],
    spec: Callable[..., TrainingSpec],
    same: Callable[[Trained, Trained], None],
) -> None:
    architecture, training = network(digits, name), spec(backend=backend, batch_size=50)
    members = population(architecture, 7, density)
    alone = [train(architecture, digits, training, [member])[0] for member in members]
    for size in (2, 5, 7):
        together = train(architecture, digits, training, members[-size:])
        for one, other in zip(together, alone[-size:], strict=True):
            same(one, other)


@pytest.mark.parametrize(("backend", "name"), CASES)
def test_the_same_training_twice_gives_the_same_bits(
    backend: str,
    name: str,
    digits: DataSet,
    network: Callable[..., Architecture],
    population: Callable[..., list[Member]],
    spec: Callable[..., TrainingSpec],
    same: Callable[[Trained, Trained], None],
) -> None:
    architecture, training = network(digits, name), spec(backend=backend)
    first, second = (
        train(architecture, digits, training, population(architecture, 3)) for _ in range(2)
    )
    for one, other in zip(first, second, strict=True):
        same(one, other)
