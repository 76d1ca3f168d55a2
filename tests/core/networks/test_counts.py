"""The exact weights of the published networks, by kind."""

from __future__ import annotations

import pytest
import torch

from ticket_hub.errors import NetworkError
from ticket_hub.networks import architecture_for, build, outline, prunable_layers
from ticket_hub.recipe import NetworkSpec
from ticket_hub.types import Architecture, Option

MNIST = (1, 28, 28)
CIFAR = (3, 32, 32)


def architecture(
    name: str, shape: tuple[int, int, int] = CIFAR, classes: int = 10, **options: Option
) -> Architecture:
    return architecture_for(NetworkSpec(name=name, options=options), shape, classes)


def counts(one: Architecture) -> dict[str, int]:
    found: dict[str, int] = {}
    for layer in prunable_layers(build(one)):
        found[layer.kind] = found.get(layer.kind, 0) + layer.size
    return found


@pytest.mark.parametrize(
    ("name", "shape", "total", "by_kind"),
    [
        ("lenet-300-100", MNIST, 266_200, {"fc": 265_200, "output": 1_000}),
        ("conv-2", CIFAR, 4_300_992, {"conv": 38_592, "fc": 4_259_840, "output": 2_560}),
        ("conv-4", CIFAR, 2_425_024, {"conv": 259_776, "fc": 2_162_688, "output": 2_560}),
        ("conv-6", CIFAR, 2_261_184, {"conv": 1_144_512, "fc": 1_114_112, "output": 2_560}),
        ("resnet-20", CIFAR, 270_896, {"conv": 267_696, "shortcut": 2_560, "output": 640}),
        (
            "small-resnet-18",
            CIFAR,
            11_164_352,
            {"conv": 10_987_200, "shortcut": 172_032, "output": 5_120},
        ),
        ("vgg-19", CIFAR, 20_024_000, {"conv": 20_018_880, "output": 5_120}),
    ],
)
def test_a_network_has_exactly_the_published_weights(
    name: str, shape: tuple[int, int, int], total: int, by_kind: dict[str, int]
) -> None:
    one = architecture(name, shape)
    assert counts(one) == by_kind
    assert sum(by_kind.values()) == total == outline(one).prunable


@pytest.mark.parametrize(
    ("name", "convolutions"), [("vgg-11", 8), ("vgg-13", 10), ("vgg-16", 13), ("vgg-19", 16)]
)
def test_a_vgg_has_as_many_convolutions_as_its_name_says(name: str, convolutions: int) -> None:
    kinds = [layer.kind for layer in outline(architecture(name)).layers]
    assert kinds == ["conv"] * convolutions + ["output"]


@pytest.mark.parametrize("depth", [8, 20, 32, 44, 56, 110])
def test_a_resnet_has_as_many_layers_as_its_name_says(depth: int) -> None:
    kinds = [layer.kind for layer in outline(architecture(f"resnet-{depth}")).layers]
    assert kinds.count("conv") + kinds.count("output") == depth
    assert kinds.count("shortcut") == 2


def test_the_width_of_a_resnet_scales_its_convolutions() -> None:
    layers = {
        layer.name: layer.shape for layer in outline(architecture("resnet-8", width=5)).layers
    }
    assert layers["conv.weight"] == (5, 3, 3, 3)
    assert layers["output.weight"] == (10, 20)


def test_any_number_of_hidden_layers_makes_a_lenet() -> None:
    shapes = [layer.shape for layer in outline(architecture("lenet-7-6-5", MNIST, 3)).layers]
    assert shapes == [(7, 784), (6, 7), (5, 6), (3, 5)]


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("lenet-20", (1, 8, 8)),
        ("conv-2", MNIST),
        ("conv-6", (1, 8, 8)),
        ("conv-4", (3, 17, 23)),
        ("resnet-8", (1, 8, 8)),
        ("resnet-8", (2, 4, 9)),
        ("vgg-11", MNIST),
        ("vgg-11", (1, 16, 16)),
    ],
)
def test_networks_take_grey_small_and_oblong_images(name: str, shape: tuple[int, int, int]) -> None:
    module = build(architecture(name, shape, 7)).eval()
    assert module(torch.rand(2, *shape)).shape == (2, 7)


@pytest.mark.parametrize(
    ("name", "side", "least"), [("vgg-16", 8, 16), ("conv-6", 7, 8), ("resnet-20", 3, 4)]
)
def test_an_image_that_is_too_small_is_refused_with_the_size_that_is_needed(
    name: str, side: int, least: int
) -> None:
    with pytest.raises(NetworkError, match=rf"{side}x{side} pixels.*at least {least}x{least}"):
        architecture(name, (1, side, side))


def test_biases_and_norms_are_never_prunable() -> None:
    one = architecture("resnet-8")
    prunable = {layer.name for layer in outline(one).layers}
    module = build(one)
    for name, parameter in module.named_parameters():
        assert (name in prunable) == (parameter.dim() > 1)


def test_dropout_acts_after_every_hidden_layer_while_training_and_only_then() -> None:
    for name in ("lenet-50-50", "conv-2"):
        module = build(architecture(name, (1, 8, 8), dropout=0.5))
        images = torch.rand(4, 1, 8, 8)
        calls: list[int] = []
        module.get_submodule("dropout").register_forward_hook(lambda *_: calls.append(1))  # noqa: B023
        assert not torch.equal(module(images), module(images))
        assert len(calls) == 4
        module.eval()
        assert torch.equal(module(images), module(images))
