from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from ticket_hub.errors import RecipeError
from ticket_hub.networks import (
    Output,
    architecture_for,
    build,
    initialize,
    network_names,
    outline,
    register,
    with_fresh_statistics,
)
from ticket_hub.recipe import NetworkSpec, load_recipe
from ticket_hub.recipe.tables import build as from_table
from ticket_hub.seeds import derive_seed
from ticket_hub.types import Architecture

PAPERS = ("lenet", "conv", "resnet", "small-resnet", "vgg")
INITS = ["glorot-normal", "kaiming-normal", "orthogonal", "default"]
RESNET = architecture_for(NetworkSpec(name="resnet-8"), (3, 8, 8), 10)
LENET = architecture_for(NetworkSpec(name="lenet-300-100"), (1, 28, 28), 10)


def spec(**keys: object) -> NetworkSpec:
    return from_table(NetworkSpec, {"name": "lenet-300-100"} | keys)


@pytest.mark.parametrize("init", INITS)
def test_initial_weights_are_a_pure_function_of_the_seed(init: str) -> None:
    before = torch.get_rng_state()
    one, same, other = (initialize(RESNET, spec(init=init), seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(one[name], same[name]) for name in one)
    for layer in outline(RESNET).layers:
        assert not torch.equal(one[layer.name], other[layer.name])


def test_the_papers_networks_begin_with_glorot_and_all_others_as_they_draw_themselves() -> None:
    for name in [*network_names(), "lenet-9", "resnet-8", "timm:vgg19", "my-lenet-9", "vgg-12"]:
        family = name.rpartition("-")[0] if not name.startswith("lenet-") else "lenet"
        papers = family in PAPERS and name not in {"vgg-12", "vgg-14"}
        assert NetworkSpec(name=name).init == ("glorot-normal" if papers else "default"), name


@pytest.fixture(scope="module")
def grouped() -> Architecture:
    """A dense, a grouped, a depthwise and a transposed convolution, and the output."""

    @register("tests-grouped")
    def network(architecture: Architecture) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(1, 64, 3, padding=1),
            nn.Conv2d(64, 128, 3, padding=1, groups=4),
            nn.Conv2d(128, 256, 3, padding=1, groups=128),
            nn.ConvTranspose2d(256, 128, 3, padding=1, groups=8),
            nn.Flatten(),
            Output(128 * 16, architecture.classes),
        )

    return architecture_for(NetworkSpec(name="tests-grouped"), (1, 4, 4), 10)


@pytest.mark.parametrize(
    ("layer", "fan_in", "fan_out"),
    [
        ("0.weight", 9, 64 * 9),
        ("1.weight", 16 * 9, 32 * 9),
        ("2.weight", 9, 2 * 9),
        ("3.weight", 16 * 9, 32 * 9),
    ],
)
def test_the_fans_of_a_convolution_are_those_of_one_group(
    grouped: Architecture, layer: str, fan_in: int, fan_out: int
) -> None:
    glorot = initialize(grouped, spec(init="glorot-normal"), 0)[layer]
    assert glorot.var().item() == pytest.approx(2 / (fan_in + fan_out), rel=0.2)
    kaiming = initialize(grouped, spec(init="kaiming-normal"), 0)[layer]
    assert kaiming.var().item() == pytest.approx(2 / fan_in, rel=0.2)


def test_each_group_of_a_convolution_is_orthogonal_by_itself(grouped: Architecture) -> None:
    weights = initialize(grouped, spec(init="orthogonal"), 0)
    for layer, groups in [("0.weight", 1), ("1.weight", 4), ("2.weight", 128), ("3.weight", 8)]:
        for block in weights[layer].flatten(1).chunk(groups):
            short = block if len(block) <= block.shape[1] else block.T
            assert torch.allclose(short @ short.T, torch.eye(len(short)), atol=1e-5), layer


@pytest.mark.parametrize(
    ("init", "torchs"),
    [
        ("glorot-normal", nn.init.xavier_normal_),
        ("kaiming-normal", partial(nn.init.kaiming_normal_, nonlinearity="relu")),
        ("orthogonal", nn.init.orthogonal_),
    ],
)
def test_without_groups_the_bits_are_those_of_torch(
    init: str, torchs: Callable[..., Tensor]
) -> None:
    """Tickets of the papers' networks can be made again, whatever version made them."""
    for architecture in (LENET, RESNET):
        weights = initialize(architecture, spec(init=init), 5)
        for layer in outline(architecture).layers:
            generator = torch.Generator().manual_seed(derive_seed(5, "init", layer.name))
            expected = torchs(torch.empty(layer.shape), generator=generator)
            assert torch.equal(weights[layer.name], expected)


@pytest.mark.parametrize("init", INITS)
def test_initial_weights_are_complete_finite_and_on_the_cpu(init: str) -> None:
    with torch.device("meta"):
        weights = initialize(RESNET, spec(init=init), 0)
    assert set(weights) == set(outline(RESNET).shapes)
    assert all(value.device.type == "cpu" for value in weights.values())
    assert all(bool(value.isfinite().all()) for value in weights.values())


@pytest.mark.parametrize(
    ("init", "variance"),
    [("glorot-normal", 2 / (784 + 300)), ("kaiming-normal", 2 / 784), ("orthogonal", 1 / 784)],
)
def test_the_variance_is_that_of_the_formula(init: str, variance: float) -> None:
    weight = initialize(LENET, spec(init=init), 0)["hidden.0.weight"]
    assert weight.mean().abs() < 4 * math.sqrt(variance / weight.numel())
    assert weight.var().item() == pytest.approx(variance, rel=0.03)


def test_gaussian_glorot_has_the_tails_of_a_normal_distribution() -> None:
    weight = initialize(LENET, spec(), 0)["hidden.0.weight"]
    beyond = (weight.abs() > 2 * weight.std()).double().mean()
    assert beyond.item() == pytest.approx(0.0455, abs=0.002)


def test_orthogonal_weights_have_orthonormal_rows() -> None:
    weight = initialize(LENET, spec(init="orthogonal"), 0)["hidden.0.weight"]
    assert torch.allclose(weight @ weight.T, torch.eye(300), atol=1e-5)


@pytest.mark.parametrize("init", INITS)
def test_the_scale_multiplies_prunable_weights_and_nothing_else(init: str) -> None:
    one = initialize(RESNET, spec(init=init), 3)
    twice = initialize(RESNET, spec(init=init, init_scale=2.0), 3)
    prunable = {layer.name for layer in outline(RESNET).layers}
    for name, value in one.items():
        assert torch.equal(twice[name], value * 2 if name in prunable else value)


def test_the_default_is_what_the_module_itself_draws() -> None:
    weights = initialize(LENET, spec(init="default"), 0)
    bound = 1 / math.sqrt(784)
    assert weights["hidden.0.weight"].abs().max() <= bound
    assert 0 < weights["hidden.0.bias"].abs().max() <= bound


@pytest.mark.parametrize("init", INITS[:3])
def test_biases_begin_at_zero_and_norms_as_the_identity(init: str) -> None:
    @register("tests-odd-start")
    def odd(architecture: Architecture) -> nn.Module:
        norm = nn.BatchNorm1d(4)
        nn.init.constant_(norm.weight, 0.0)
        nn.init.constant_(norm.bias, 5.0)
        return nn.Sequential(nn.Flatten(), nn.Linear(4, 4), norm, Output(4, architecture.classes))

    one = architecture_for(NetworkSpec(name="tests-odd-start"), (1, 2, 2), 3)
    weights = initialize(one, spec(init=init), 0)
    assert not weights["1.bias"].any()
    assert not weights["3.bias"].any()
    assert weights["2.weight"].tolist() == [1.0] * 4
    assert weights["2.bias"].tolist() == [0.0] * 4


def test_statistics_of_norms_are_reset_with_the_weights() -> None:
    module = build(RESNET)
    module(torch.rand(4, 3, 8, 8) * 9)
    used = {name: value.clone() for name, value in module.state_dict().items()}
    assert used["norm.num_batches_tracked"] == 1
    fresh = with_fresh_statistics(RESNET, used)
    for name, value in build(RESNET).state_dict().items():
        if name in outline(RESNET).buffers:
            assert torch.equal(fresh[name], value)
        else:
            assert torch.equal(fresh[name], used[name])
    assert used["norm.num_batches_tracked"] == 1


def test_initial_weights_fit_the_module() -> None:
    build(RESNET).load_state_dict(dict(initialize(RESNET, spec(), 0)))


@pytest.mark.parametrize("init", ["normal", "truncated-normal"])
def test_a_normal_of_fixed_deviation_is_the_same_in_all_layers(init: str) -> None:
    weights = initialize(RESNET, spec(init=init, init_std=0.2), 3)
    large = [weights[layer.name] for layer in outline(RESNET).layers if layer.size > 2000]
    cut = init == "truncated-normal"
    for values in large:
        assert float(values.std()) == pytest.approx(0.2 * (0.8796 if cut else 1.0), rel=0.05)
        assert (float(values.abs().max()) <= 0.4) is cut
    assert len(large) > 2


def test_a_fixed_deviation_and_its_initialization_ask_for_each_other() -> None:
    quick = load_recipe("digits-quick")
    for changes in ({"network.init": "normal"}, {"network.init_std": 0.1}):
        with pytest.raises(RecipeError, match="init_std"):
            quick.replace(changes)
    assert "init_std" not in quick.to_table()["network"]
