"""On a CUDA device: the same promises, and the same results up to rounding."""

from __future__ import annotations

import pytest
import torch

from tests.helpers.populations import assert_same, network, population, spec
from ticket_hub.data import DataSet
from ticket_hub.training import train

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

CASES = [
    ("stack", "lenet-24-16"),
    ("stack", "lenet-1000-300"),
    ("vmap", "lenet-24-16"),
    ("lanes", "conv-2"),
    ("lanes", "resnet-8"),
    ("plain", "conv-2"),
]


@pytest.mark.parametrize(("backend", "name"), CASES)
def test_members_trained_together_match_members_trained_alone(
    backend: str, name: str, digits: DataSet
) -> None:
    data, architecture = digits.to("cuda"), network(digits, name)
    members = population(architecture, 5)
    training = spec(backend=backend)
    together = train(architecture, data, training, members)
    for member, result in zip(members, together, strict=True):
        assert_same(train(architecture, data, training, [member])[0], result)


@pytest.mark.parametrize(("backend", "name"), CASES)
def test_a_gpu_and_a_cpu_agree_up_to_rounding(backend: str, name: str, digits: DataSet) -> None:
    architecture = network(digits, name)
    members = population(architecture, 2)
    training = spec(backend=backend, iterations=20, lr=1e-3)
    ours = train(architecture, digits, training, members)
    theirs = train(architecture, digits.to("cuda"), training, members)
    for one, other in zip(ours, theirs, strict=True):
        assert torch.equal(one.curves.iterations, other.curves.iterations)
        torch.testing.assert_close(
            one.curves.validation_loss, other.curves.validation_loss, rtol=1e-3, atol=1e-4
        )


@pytest.mark.parametrize(("backend", "name"), CASES)
def test_masked_weights_are_exactly_0_on_a_gpu(backend: str, name: str, digits: DataSet) -> None:
    architecture = network(digits, name)
    members = population(architecture, 2, density=0.3)
    training = spec(backend=backend, optimizer="sgd", lr=0.05, momentum=0.9, weight_decay=1e-2)
    for member, result in zip(
        members, train(architecture, digits.to("cuda"), training, members), strict=True
    ):
        for layer, keep in member.mask.items():
            assert not result.weights[layer][~keep].any()


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs a second CUDA device")
@pytest.mark.parametrize(("backend", "name"), CASES)
def test_the_second_gpu_trains_as_the_first(backend: str, name: str, digits: DataSet) -> None:
    architecture = network(digits, name)
    members, training = population(architecture, 2), spec(backend=backend, iterations=20)
    first, second = (
        train(architecture, digits.to(device), training, members) for device in ("cuda:0", "cuda:1")
    )
    for one, other in zip(first, second, strict=True):
        assert_same(one, other)


def test_no_step_of_a_stack_waits_for_the_device(digits: DataSet) -> None:
    from ticket_hub.training.stack import Stack

    architecture = network(digits, "lenet-24-16")
    engine = Stack(architecture, digits.to("cuda"), spec(), population(architecture, 3))
    engine.train(10)
    torch.cuda.set_sync_debug_mode("error")
    try:
        engine.train(20)
    finally:
        torch.cuda.set_sync_debug_mode("default")
