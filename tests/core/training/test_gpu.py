"""On a CUDA device: the same promises, and the same results up to rounding."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import pytest
import torch

from tests.helpers.populations import assert_same, network, population, spec
from ticket_hub.data import DataSet
from ticket_hub.errors import MemoryLimitError, StoppedError
from ticket_hub.training import train
from ticket_hub.training.checkpoint import FolderKeeper
from ticket_hub.training.choice import BACKENDS
from ticket_hub.training.settings import on_device

pytestmark = pytest.mark.gpu

CASES = [
    ("stack", "lenet-24-16"),
    ("stack", "lenet-1000-300"),
    ("vmap", "lenet-24-16"),
    ("lanes", "conv-2"),
    ("lanes", "resnet-8"),
    ("plain", "conv-2"),
]


ALONE = {"lanes", "plain"}
"""Backends that compute each member as if alone; others promise their bits for the same members."""


@pytest.mark.parametrize(("backend", "name"), CASES)
def test_members_trained_together_match_members_trained_alone(
    backend: str, name: str, digits: DataSet
) -> None:
    data, architecture = digits.to("cuda"), network(digits, name)
    members = population(architecture, 5)
    training = spec(backend=backend, lr=1e-3)
    together = train(architecture, data, training, members)
    for one, other in zip(together, train(architecture, data, training, members), strict=True):
        assert_same(one, other)
    for member, result in zip(members, together, strict=True):
        alone = train(architecture, data, training, [member])[0]
        if backend in ALONE:
            assert_same(alone, result)
        torch.testing.assert_close(
            alone.curves.validation_loss, result.curves.validation_loss, rtol=1e-3, atol=1e-4
        )


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


@pytest.mark.parametrize(("backend", "name"), CASES)
def test_training_goes_on_where_it_was_stopped(
    backend: str, name: str, digits: DataSet, tmp_path: Path
) -> None:
    data, architecture = digits.to("cuda"), network(digits, name)
    members, training = population(architecture, 2), spec(backend=backend)
    keeper, asked = FolderKeeper(folder=tmp_path), itertools.count()
    with pytest.raises(StoppedError):
        train(
            architecture,
            data,
            training,
            members,
            keeper=keeper,
            should_stop=lambda: next(asked) > 4,
        )
    resumed = train(architecture, data, training, members, keeper=keeper)
    for one, other in zip(train(architecture, data, training, members), resumed, strict=True):
        assert_same(one, other)


def test_members_that_run_out_of_patience_leave(digits: DataSet) -> None:
    data, architecture = digits.to("cuda"), network(digits, "lenet-300-100")
    training = spec(
        backend="stack", iterations=24, evaluate_every=2, patience=1, optimizer="sgd", lr=1.0
    )
    results = train(architecture, data, training, population(architecture, 3))
    assert min(result.iterations for result in results) < 24


@pytest.mark.parametrize("name", ["conv-2", "lenet-24-16"])
def test_dropout_draws_alike_together_alone_and_in_a_graph(name: str, digits: DataSet) -> None:
    data, architecture = digits.to("cuda"), network(digits, name, dropout=0.5)
    members, training = population(architecture, 3), spec(backend="lanes", iterations=10)
    stepped = train(architecture, data, spec(backend="plain", iterations=10), members)
    for one, other in zip(stepped, train(architecture, data, training, members), strict=True):
        for layer, value in one.weights.items():
            assert torch.equal(value, other.weights[layer]), layer
    assert_same(
        train(architecture, data, training, members[:1])[0],
        train(architecture, data, training, members)[0],
    )


@pytest.mark.parametrize("precision", ["bf16", "tf32"])
def test_other_number_formats_stay_close_and_repeat(precision: str, digits: DataSet) -> None:
    data, architecture = digits.to("cuda"), network(digits, "conv-2")
    members = population(architecture, 2)
    exact = train(architecture, data, spec(iterations=10, lr=1e-3), members)
    rough = spec(iterations=10, lr=1e-3, precision=precision)
    first, second = (train(architecture, data, rough, members) for _ in range(2))
    for one, other, true in zip(first, second, exact, strict=True):
        assert_same(one, other)
        torch.testing.assert_close(
            one.curves.validation_loss, true.curves.validation_loss, rtol=0.05, atol=0.05
        )


def test_images_move_on_a_gpu_as_on_a_cpu(colours: DataSet) -> None:
    moving = dataclasses.replace(colours, spec=dataclasses.replace(colours.spec, flip=True, crop=2))
    architecture = network(colours, "conv-2")
    members, training = population(architecture, 2), spec(backend="lanes", iterations=10, lr=1e-3)
    here = train(architecture, moving, training, members)
    there = train(architecture, moving.to("cuda"), training, members)
    for one, other in zip(here, there, strict=True):
        torch.testing.assert_close(
            one.curves.validation_loss, other.curves.validation_loss, rtol=1e-3, atol=1e-4
        )


@pytest.mark.parametrize(("backend", "name"), [("stack", "lenet-300-100"), ("lanes", "conv-2")])
def test_memory_that_is_used_up_is_told_and_the_stream_given_back(
    backend: str, name: str, digits: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, architecture = digits.to("cuda"), network(digits, name)
    monkeypatch.setattr("ticket_hub.training.trainer.free_bytes", lambda _: 2**62)
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 4e7) / total)
    try:
        with pytest.raises(MemoryLimitError, match="used up the memory of cuda"):
            train(architecture, data, spec(backend=backend), population(architecture, 100))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert torch.cuda.current_stream() == torch.cuda.default_stream()


# torch says of the mode itself that it is a prototype.
@pytest.mark.filterwarnings("ignore:Synchronization debug mode")
@pytest.mark.parametrize(("backend", "name"), [case for case in CASES if case[0] != "plain"])
def test_no_step_waits_for_the_device(backend: str, name: str, digits: DataSet) -> None:
    architecture, training = network(digits, name), spec(backend=backend)
    members, data = population(architecture, 3), digits.to("cuda")
    engine = BACKENDS[backend](architecture, data, training, members)
    with on_device(data.device):
        engine.train(10)
        torch.cuda.set_sync_debug_mode("error")
        try:
            engine.train(20)
        finally:
            torch.cuda.set_sync_debug_mode("default")
