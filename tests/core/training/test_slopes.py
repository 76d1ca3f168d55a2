"""Gradients for criteria: against autograd in float64, on the examples that they promise."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from ticket_hub.data import keep, load, normalized
from ticket_hub.errors import PruningError
from ticket_hub.networks import architecture_for, build, initialize, outline
from ticket_hub.pruning import masked, one_shot_mask
from ticket_hub.pruning.masks import kept_by_layer
from ticket_hub.recipe import DataSpec, NetworkSpec, PruningSpec, TrainingSpec
from ticket_hub.training.slopes import (
    EXAMPLES_PER_CLASS,
    _chosen,
    _examples,
    hessian_gradients,
    loss_gradients,
    synaptic_flow,
)
from ticket_hub.types import Architecture, Mask, Weights

TRAINING = TrainingSpec(iterations=1, batch_size=10, optimizer="sgd", lr=0.1)
DIGITS = load(DataSpec(name="digits", validation=200))


def test_ten_examples_of_each_class_are_drawn_by_the_seed() -> None:
    chosen = _chosen(DIGITS.train, 10, seed=3)
    assert torch.bincount(DIGITS.train.labels[chosen]).tolist() == [EXAMPLES_PER_CLASS] * 10
    assert chosen.unique().numel() == 100
    assert torch.equal(chosen, _chosen(DIGITS.train, 10, seed=3))
    assert not torch.equal(chosen, _chosen(DIGITS.train, 10, seed=4))


def test_they_are_those_of_the_mean_loss_with_running_statistics() -> None:
    spec = NetworkSpec(name="resnet-8", options={"width": 4})
    architecture = architecture_for(spec, DIGITS.input_shape, 10)
    weights = initialize(architecture, spec, 0)
    found = loss_gradients(architecture, DIGITS, TRAINING, weights, seed=3)
    module = build(architecture).double().eval()
    module.load_state_dict({name: value.double() for name, value in weights.items()})
    part = DIGITS.train.take(_chosen(DIGITS.train, 10, seed=3))
    logits = module(normalized(part.inputs, DIGITS).double())
    named = dict(module.named_parameters())
    true = torch.autograd.grad(functional.cross_entropy(logits, part.labels), [*named.values()])
    assert found.keys() == named.keys()
    for name, value in zip(named, true, strict=True):
        torch.testing.assert_close(found[name].double(), value, rtol=1e-3, atol=1e-6)


SNIP = PruningSpec(criterion="snip", when="init", mode="one-shot")
SMALL = NetworkSpec(name="conv-2", init="kaiming-normal")


def begun(spec: NetworkSpec = SMALL) -> tuple[Architecture, dict[str, torch.Tensor]]:
    architecture = architecture_for(spec, DIGITS.input_shape, 10)
    return architecture, dict(initialize(architecture, spec, 0))


def examples(count: int = 10) -> tuple[torch.Tensor, torch.Tensor]:
    part = DIGITS.train.take(_chosen(DIGITS.train, 10, seed=3, count=count))
    return normalized(part.inputs, DIGITS).double(), part.labels


def test_snip_is_the_slope_in_the_gates_of_weights() -> None:
    """Against difference quotients: a gate a little below 1 on one weight."""
    architecture, weights = begun()
    found = loss_gradients(architecture, DIGITS, TRAINING, weights, seed=3, spec=SNIP)
    module = build(architecture).double().eval()
    images, labels = examples()

    def loss(name: str, place: tuple[int, ...], gate: float) -> float:
        state = {key: value.double().clone() for key, value in weights.items()}
        state[name][place] *= gate
        module.load_state_dict(state)
        with torch.no_grad():
            return float(functional.cross_entropy(module(images), labels))

    for name in ("features.0.weight", "hidden.0.weight", "output.weight"):
        largest = torch.unravel_index(weights[name].abs().argmax(), weights[name].shape)
        place = tuple(map(int, largest))
        quotient = (loss(name, place, 1 + 1e-5) - loss(name, place, 1 - 1e-5)) / 2e-5
        score = float(weights[name][place] * found[name][place])
        assert abs(score - quotient) <= 1e-3 * abs(quotient) + 1e-7


def difference_along_gradient(
    architecture: Architecture, weights: Weights, inputs: torch.Tensor, labels: torch.Tensor
) -> dict[str, torch.Tensor]:
    """H g as the quotient of gradients a little before and after the weights, in float64."""
    module = build(architecture).double().eval()

    def gradient(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        module.load_state_dict(state)
        named = dict(module.named_parameters())
        loss = functional.cross_entropy(module(inputs) / 200, labels)
        return dict(zip(named, torch.autograd.grad(loss, [*named.values()]), strict=True))

    exact = {name: value.double() for name, value in weights.items()}
    along = gradient(exact)
    step = 1e-6  # small, since a step over a kink of ReLU changes the quotient
    after = gradient({name: value + step * along[name] for name, value in exact.items()})
    before = gradient({name: value - step * along[name] for name, value in exact.items()})
    return {name: (after[name] - before[name]) / (2 * step) for name in along}


def test_the_hessian_times_the_gradient_is_the_gradients_difference_along_it() -> None:
    architecture, weights = begun()
    found = hessian_gradients(architecture, DIGITS, TRAINING, weights, seed=3)
    quotients = difference_along_gradient(architecture, weights, *examples())
    for name in ("features.0.weight", "features.2.weight", "hidden.0.weight", "output.weight"):
        assert float((found[name] - quotients[name]).norm()) <= 1e-2 * float(quotients[name].norm())


def test_it_is_so_with_attention_too(tmp_path: Path) -> None:
    texts = [
        " ".join("abcdefg"[(number * place) % 7] for place in range(6)) for number in range(40)
    ]
    name = keep((texts, [number % 2 for number in range(40)]), tmp_path)
    data = load(DataSpec(name=name, validation=5), tmp_path)
    spec = NetworkSpec(name="encoder-1-32", init="orthogonal")
    architecture = architecture_for(spec, data.input_shape, 2)
    weights = initialize(architecture, spec, 0)
    found = hessian_gradients(architecture, data, TRAINING, weights, seed=3)
    part = data.train.take(_chosen(data.train, 2, seed=3))
    quotients = difference_along_gradient(architecture, weights, part.inputs, part.labels)
    for layer in outline(architecture).layers:
        true = quotients[layer.name]
        assert float((found[layer.name] - true).norm()) <= 1e-2 * float(true.norm())


@pytest.mark.parametrize("name", ["lenet-20-10", "conv-2", "vgg-11"])
def test_flow_is_conserved_from_layer_to_layer(name: str) -> None:
    shape = (1, 16, 16) if name == "vgg-11" else (1, 8, 8)
    architecture = architecture_for(NetworkSpec(name=name), shape, 10)
    weights = initialize(architecture, NetworkSpec(name=name), 0)
    flow = synaptic_flow(architecture, weights)
    sums = [
        float((weights[layer.name].double().abs() * flow[layer.name]).sum())
        for layer in outline(architecture).layers
    ]
    assert all(abs(each / sums[-1] - 1) <= 1e-6 for each in sums)


def test_synflow_conserves_flow_in_its_100_rounds_and_ends_with_one_weight_a_layer() -> None:
    """At its critical compression, where nothing less could let anything through."""
    architecture = architecture_for(NetworkSpec(name="lenet-40-40-20"), (1, 8, 8), 10)
    weights = initialize(architecture, NetworkSpec(name=architecture.name), 0)
    layers = outline(architecture).layers
    size = sum(layer.size for layer in layers)
    sums: list[list[float]] = []

    def measured(_need: str, mask: Mask) -> dict[str, torch.Tensor]:
        left = masked(weights, mask)
        flow = synaptic_flow(architecture, left)
        sums.append([float((left[e.name].double().abs() * flow[e.name]).sum()) for e in layers])
        return flow

    spec = PruningSpec(
        criterion="synflow",
        when="init",
        mode="one-shot",
        scope="global",
        rates={"fc": 0.5, "output": 0.5},
        target_density=len(layers) / size,
    )
    mask = one_shot_mask(
        spec, layers, initial=weights, trained=weights, level=1, seed=0, measured=measured
    )
    shares = [(len(layers) / size) ** (turn / 100) for turn in range(1, 101)]
    # Those at the end that would drop less than half a weight ask for nothing.
    assert len(sums) == len({round(size * share) for share in shares}) > 80
    assert all(abs(each / some[-1] - 1) <= 1e-6 for some in sums for each in some)
    assert kept_by_layer(mask) == {layer.name: 1 for layer in layers}


@pytest.mark.parametrize(
    ("name", "shape"), [("encoder-1-32", (50, 1, 6)), ("timm:mobilenetv2_035", (3, 32, 32))]
)
def test_flow_is_refused_where_a_network_is_not_homogeneous(
    name: str, shape: tuple[int, int, int]
) -> None:
    spec = NetworkSpec(name=name)
    architecture = architecture_for(spec, shape, 4)
    with pytest.raises(PruningError, match=r"'synflow' has no meaning"):
        synaptic_flow(architecture, initialize(architecture, spec, 0))


def test_examples_may_be_corrupted_on_purpose() -> None:
    images, labels = _examples(DIGITS, 3, None)
    spec = dataclasses.replace(SNIP, examples="random-labels")
    same, other = _examples(DIGITS, 3, spec)
    assert torch.equal(same, images)
    assert 0 < int((other == labels).sum()) < 40
    moved, kept = _examples(DIGITS, 3, dataclasses.replace(SNIP, examples="random-pixels"))
    assert torch.equal(kept, labels)
    assert not torch.equal(moved, images)
    assert torch.equal(moved.flatten(1).sort(1).values, images.flatten(1).sort(1).values)
    assert len(_examples(DIGITS, 3, dataclasses.replace(SNIP, examples_per_class=3))[1]) == 30
