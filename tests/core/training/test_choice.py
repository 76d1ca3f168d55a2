"""Which backend trains what, and what is refused before anything is trained."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from tests.helpers.populations import network, population, spec
from ticket_hub.data import DataSet
from ticket_hub.errors import MemoryLimitError, RecipeError
from ticket_hub.networks import architecture_for, blank_module, build
from ticket_hub.recipe import NetworkSpec
from ticket_hub.training import train
from ticket_hub.training.capacity import cores, free_bytes
from ticket_hub.training.choice import BACKENDS, TABLE, choose
from ticket_hub.training.cost import count
from ticket_hub.training.kinds import network_kind
from ticket_hub.training.memory import check_memory, needed_bytes


@pytest.mark.parametrize(
    ("name", "density", "backend"),
    [
        ("lenet-24-16", 1.0, "sparse-numba"),
        ("lenet-1000-300", 1.0, "stack"),
        ("lenet-1000-300", 0.3, "sparse-numba"),
        ("conv-2", 1.0, "lanes"),
        ("resnet-8", 0.1, "lanes"),
    ],
)
def test_the_table_chooses_by_network_and_density(
    name: str, density: float, backend: str, digits: DataSet
) -> None:
    pytest.importorskip("numba")
    module = blank_module(network(digits, name))
    assert choose(module, spec(batch_size=60), digits, density) == backend


def test_every_line_of_the_table_names_a_backend() -> None:
    assert {row.backend for row in TABLE} <= set(BACKENDS)
    assert all(BACKENDS[name].name == name for name in BACKENDS)


@pytest.mark.parametrize(
    ("backend", "name", "fields", "reason"),
    [
        ("stak", "lenet-24", {}, "one of"),
        ("stack", "conv-2", {}, "LeNet family"),
        ("stack", "lenet-24", {"precision": "bf16"}, "bf16"),
        ("vmap", "resnet-8", {}, "not fully connected"),
        ("sparse-torch", "conv-2", {}, "sparse-torch"),
    ],
)
def test_a_forced_backend_that_cannot_is_refused_with_its_reason(
    backend: str, name: str, fields: dict[str, object], reason: str, digits: DataSet
) -> None:
    architecture = network(digits, name)
    with pytest.raises(RecipeError, match=reason):
        train(architecture, digits, spec(backend=backend, **fields), population(architecture, 1))


def test_dropout_is_left_to_backends_that_can_draw(digits: DataSet) -> None:
    module = blank_module(network(digits, "lenet-24-16", dropout=0.5))
    assert choose(module, spec(), digits, 0.1) == "plain"


class Sign(torch.autograd.Function):
    """Signs with the slope of a straight line, which only autograd itself can call."""

    @staticmethod
    def forward(ctx: object, values: torch.Tensor) -> torch.Tensor:
        del ctx
        return values.sign()

    @staticmethod
    def backward(ctx: object, *slopes: torch.Tensor) -> torch.Tensor:
        del ctx
        return slopes[0]


class Linear(nn.Module):
    def __init__(self, way: Callable[..., torch.Tensor]) -> None:
        super().__init__()
        self.hidden, self.output, self.way = nn.Linear(64, 8), nn.Linear(8, 10), way

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        outputs: torch.Tensor = self.output(self.way(self.hidden, images.flatten(1)))
        return outputs


@pytest.mark.parametrize(
    ("way", "backend"),
    [
        (lambda hidden, images: hidden(images).relu(), "vmap"),
        (functools.partial(checkpoint, use_reentrant=False), "plain"),
        (lambda hidden, images: Sign.apply(hidden(images)), "plain"),  # type: ignore[no-untyped-call]
    ],
)
def test_what_torch_func_cannot_differentiate_is_trained_as_it_is(
    way: Callable[..., torch.Tensor], backend: str, digits: DataSet
) -> None:
    assert choose(Linear(way), spec(), digits, 0.1) == backend


def test_tensorfloat_needs_a_cuda_device(digits: DataSet) -> None:
    architecture = network(digits, "lenet-24-16")
    with pytest.raises(RecipeError, match="tf32"):
        train(architecture, digits, spec(precision="tf32"), population(architecture, 1))


def test_bf16_trains_by_autocast(digits: DataSet) -> None:
    architecture = network(digits, "lenet-24-16")
    members = population(architecture, 1, density=1.0)
    training = spec(precision="bf16", iterations=20, backend="plain")
    low = train(architecture, digits, training, members)[0]
    full = train(architecture, digits, dataclasses.replace(training, precision="float32"), members)
    assert low.weights["output.weight"].dtype == torch.float32
    assert not torch.equal(low.weights["output.weight"], full[0].weights["output.weight"])
    assert low.curves.validation_loss[-1] < low.curves.validation_loss[0]


def test_networks_are_counted_without_memory(colours: DataSet) -> None:
    architecture = network(colours, "conv-2")
    cost = count(blank_module(architecture), (3, 8, 8))
    module = build(architecture)
    assert cost.numbers == sum(value.numel() for value in module.state_dict().values())
    convolutions = 64 * 64 * 27 + 64 * 64 * 64 * 9
    assert cost.multiplications == convolutions + 1024 * 256 + 256 * 256 + 256 * 3
    assert cost.activations > 2 * 64 * 64


@pytest.mark.parametrize("name", ["lenet-24-16", "conv-2", "resnet-8", "encoder-2-64"])
def test_what_autograd_keeps_is_what_a_real_step_keeps(name: str) -> None:
    texts = name.startswith("encoder")
    shape = (50, 1, 8) if texts else (3, 8, 8)
    architecture = architecture_for(NetworkSpec(name=name), shape, 3)
    cost, module = count(blank_module(architecture), shape), build(architecture).eval()
    kept: dict[int, int] = {}

    def keep(value: torch.Tensor) -> torch.Tensor:
        kept[value.untyped_storage().data_ptr()] = value.untyped_storage().nbytes()
        return value

    own = {value.untyped_storage().data_ptr() for value in module.state_dict().values()}
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda value: value):
        output = module(torch.ones(8, 1, 1, 8).long() if texts else torch.ones(8, 3, 8, 8))
    assert output.requires_grad
    each = sum(size for where, size in kept.items() if where not in own) / 8
    assert cost.kept == pytest.approx(each, rel=0.05)
    whole, half = (cost.step_bytes(spec(batch_size=8, precision=p)) for p in ("float32", "bf16"))
    assert whole == 8 * (cost.kept + 8 * cost.largest)
    assert half == (whole if texts else whole / 2) + 2 * cost.numbers


def test_a_population_that_cannot_fit_is_refused_with_figures(digits: DataSet) -> None:
    cost = count(blank_module(network(digits, "lenet-1000-300")), (1, 8, 8))
    needed = needed_bytes(cost, digits, spec(), groups=[100_000], workers=1)
    assert needed > 100_000 * cost.numbers * 4 * 4
    with pytest.raises(MemoryLimitError, match=r"needs about \d+\.\d GB on cpu, and 1\.0 GB"):
        check_memory(needed, 10**9, torch.device("cpu"))
    two = needed_bytes(cost, digits, spec(), groups=[4, 4], workers=2)
    assert two > 2 * needed_bytes(cost, digits, spec(), groups=[4], workers=1) - 10**6


def test_a_population_larger_than_this_machine_is_refused_before_it_starts(digits: DataSet) -> None:
    architecture = network(digits, "lenet-24-16")
    training = spec(batch_size=10**14)
    with pytest.raises(MemoryLimitError, match="fewer workers"):
        train(architecture, digits, training, population(architecture, 1))


def test_capacity_is_positive() -> None:
    assert cores() >= 1
    assert free_bytes(torch.device("cpu")) > 10**6


def test_the_environment_allows_fewer_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    allowed = cores()
    monkeypatch.setenv("TICKET_CORES", "1")
    assert cores() == 1
    monkeypatch.setenv("TICKET_CORES", str(allowed + 1))
    assert cores() == allowed


def test_a_network_is_small_when_its_steps_are(digits: DataSet) -> None:
    module = blank_module(network(digits, "lenet-1000-300"))
    assert network_kind(module, 60) == "lenet"
    assert network_kind(module, 2) == "small-lenet"
