"""What a member becomes depends on nothing but the member and the recipe."""

from __future__ import annotations

import pytest

from tests.helpers.populations import DENSE_LENETS, assert_same, network, population, spec
from tests.helpers.sampling import sampled
from ticket_hub.data import DataSet
from ticket_hub.training import train

# With masks, every backend and network; without, those that take a tenth of a second.
CASES = sampled(
    [(*case, density) for case in DENSE_LENETS for density in (1.0, 0.4)],
    lambda backend, name, density: density < 1 or (backend != "vmap" and name == "lenet-24-16"),
)


@pytest.mark.parametrize(("backend", "name", "density"), CASES)
def test_members_trained_together_match_members_trained_alone(
    backend: str, name: str, density: float, digits: DataSet
) -> None:
    architecture = network(digits, name)
    training = spec(backend=backend, batch_size=50, iterations=20)
    members = population(architecture, 7, density)
    alone = [train(architecture, digits, training, [member])[0] for member in members]
    for size in (2, 5, 7):
        together = train(architecture, digits, training, members[-size:])
        for one, other in zip(together, alone[-size:], strict=True):
            assert_same(one, other)


@pytest.mark.parametrize(("backend", "name"), DENSE_LENETS)
def test_the_same_training_twice_gives_the_same_bits(
    backend: str, name: str, digits: DataSet
) -> None:
    architecture, training = network(digits, name), spec(backend=backend)
    first, second = (
        train(architecture, digits, training, population(architecture, 3)) for _ in range(2)
    )
    for one, other in zip(first, second, strict=True):
        assert_same(one, other)
