from __future__ import annotations

import pickle

import pytest
import torch
from torch import nn

from ticket_hub.errors import NetworkError
from ticket_hub.networks import (
    Choice,
    IntRange,
    Output,
    architecture_for,
    build,
    network_names,
    outline,
    prunable_layers,
    register,
    set_kind,
)
from ticket_hub.recipe import NetworkSpec
from ticket_hub.types import Architecture, Option


def spec(name: str, **options: Option) -> NetworkSpec:
    return NetworkSpec(name=name, options=options)


def sized(name: str, *, channels: int = 1, side: int = 28, classes: int = 10) -> Architecture:
    return Architecture(name=name, channels=channels, height=side, width=side, classes=classes)


@register(
    "tests-tiny",
    options={
        "width": IntRange(default=8, low=1, high=64),
        "norm": Choice(default="none", choices=("none", "batch")),
        "bias": Choice(default=True, choices=(True, False)),
    },
)
def tiny(
    architecture: Architecture, *, width: int = 8, norm: str = "none", bias: bool = True
) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(architecture.channels, width, 3, bias=bias),
        nn.BatchNorm2d(width) if norm == "batch" else nn.Identity(),
        nn.Flatten(),
        Output(width * (architecture.height - 2) * (architecture.width - 2), architecture.classes),
    )


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ("lenet", "lenet-300-100"),
        ("resnet20", "resnet-20"),
        ("vgg19", "vgg-19"),
        ("conv-3", "conv"),
    ],
)
def test_an_unknown_network_is_refused_and_the_nearest_named(wrong: str, near: str) -> None:
    with pytest.raises(NetworkError, match=f"'{wrong}'.*nearest name is '{near}"):
        build(sized(wrong))


def test_an_unknown_option_is_refused_and_the_nearest_named() -> None:
    with pytest.raises(NetworkError, match=r"no option 'dropuot'.*'dropout'"):
        architecture_for(spec("lenet-10", dropuot=0.5), (1, 28, 28), 10)
    with pytest.raises(NetworkError, match="no options at all"):
        architecture_for(spec("vgg-11", width=3), (3, 32, 32), 10)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("lenet-10", {"dropout": 1.0}),
        ("lenet-10", {"dropout": -0.1}),
        ("lenet-10", {"dropout": float("nan")}),
        ("lenet-10", {"dropout": "a lot"}),
        ("lenet-10", {"dropout": True}),
        ("resnet-20", {"width": 0}),
        ("resnet-20", {"width": 10**9}),
        ("resnet-20", {"width": 16.0}),
        ("resnet-20", {"width": True}),
        ("tests-tiny", {"norm": "layer"}),
        ("tests-tiny", {"norm": 1}),
        ("tests-tiny", {"bias": 1}),
    ],
)
def test_an_option_of_another_type_or_out_of_bounds_is_refused(
    name: str, options: dict[str, Option]
) -> None:
    (key,) = options
    with pytest.raises(NetworkError, match=f"option '{key}' of '{name}' cannot be"):
        architecture_for(NetworkSpec(name=name, options=options), (3, 32, 32), 10)


def test_an_option_given_twice_is_refused() -> None:
    twice = Architecture(
        name="tests-tiny",
        options=(("width", 3), ("width", 4)),
        channels=1,
        height=8,
        width=8,
        classes=2,
    )
    with pytest.raises(NetworkError, match="twice"):
        build(twice)


@pytest.mark.parametrize(
    "name",
    [
        "resnet-21",
        "resnet-2",
        "resnet-99999",
        "resnet-1208",
        "lenet-0",
        "lenet-" + "9" * 5000,
        "lenet" + "-1" * 5000,
        "x" * 10**6,
        "timm:" + "x" * 10**6,
        "",
        "lenet-300-100\n",
    ],
)
def test_absurd_names_are_refused_at_once(name: str) -> None:
    with torch.device("meta"), pytest.raises(NetworkError) as caught:
        build(sized(name))
    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize(
    "sizes",
    [
        {"channels": 0},
        {"channels": 10**6},
        {"side": 0},
        {"side": 10**6},
        {"classes": 0},
        {"classes": 10**12},
    ],
)
def test_absurd_images_and_classes_are_refused(sizes: dict[str, int]) -> None:
    with torch.device("meta"), pytest.raises(NetworkError, match="It must be from 1 to"):
        build(sized("lenet-10", **sizes))


@pytest.mark.parametrize("name", ["lenet-300-100", "resnet-20", "tests-tiny"])
def test_a_billion_classes_cost_nothing_on_the_meta_device(name: str) -> None:
    with torch.device("meta"):
        module = build(sized(name, classes=10**9))
    assert all(value.is_meta for value in module.state_dict().values())
    assert module.training
    assert max(max(shape, default=0) for shape in outline(sized(name)).shapes.values()) < 10**9


def test_a_billion_classes_are_refused_where_they_would_need_memory() -> None:
    with pytest.raises(NetworkError, match=r"would have 101,\d{3},\d{3},\d{3} weights"):
        build(sized("lenet-300-100", classes=10**9))


def test_the_outline_has_the_names_shapes_and_kinds_of_the_module() -> None:
    one = sized("resnet-8", side=8)
    state = build(one).state_dict()
    found = outline(one)
    assert found.shapes == {name: tuple(value.shape) for name, value in state.items()}
    assert found.dtypes == {name: value.dtype for name, value in state.items()}
    assert found.numbers == sum(value.numel() for value in state.values())
    assert found.layers == prunable_layers(build(one))
    assert {name for name in found.buffers if name.startswith("norm.")} == {
        "norm.running_mean",
        "norm.running_var",
        "norm.num_batches_tracked",
    }


def test_options_that_equal_their_default_do_not_change_the_architecture() -> None:
    plain = architecture_for(spec("lenet-10"), (1, 8, 8), 10)
    assert architecture_for(spec("lenet-10", dropout=0), (1, 8, 8), 10) == plain
    assert architecture_for(spec("lenet-10", dropout=0.5), (1, 8, 8), 10).options == (
        ("dropout", 0.5),
    )


def test_building_is_a_function_of_the_seed_and_leaves_the_random_state_alone() -> None:
    before = torch.get_rng_state()
    one, same, other = (build(sized("lenet-10"), seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one.state_dict()["output.weight"], same.state_dict()["output.weight"])
    assert not torch.equal(one.state_dict()["output.weight"], other.state_dict()["output.weight"])


def test_a_users_own_network_joins_with_a_decorator() -> None:
    assert "tests-tiny" in network_names()
    one = architecture_for(spec("tests-tiny", width=3, norm="batch", bias=False), (2, 6, 6), 4)
    assert [(layer.kind, layer.shape) for layer in outline(one).layers] == [
        ("conv", (3, 2, 3, 3)),
        ("output", (4, 48)),
    ]
    assert build(one)(torch.rand(2, 2, 6, 6)).shape == (2, 4)


def test_registering_a_name_again_replaces_it() -> None:
    @register("tests-replaced")
    def _first(architecture: Architecture) -> nn.Module:
        return Output(1, architecture.classes)

    assert outline(sized("tests-replaced")).prunable == 10

    @register("tests-replaced")
    def _second(architecture: Architecture) -> nn.Module:
        return Output(2, architecture.classes)

    assert outline(sized("tests-replaced")).prunable == 20


def test_a_network_that_reads_values_while_it_is_made_is_refused() -> None:
    @register("tests-reads-values")
    def _reads(architecture: Architecture) -> nn.Module:
        return Output(int(torch.ones(1).item()), architecture.classes)

    with pytest.raises(NetworkError, match="'tests-reads-values' cannot be built on torch's meta"):
        build(sized("tests-reads-values"))


def test_a_network_of_ones_own_comes_before_a_family_that_has_its_name() -> None:
    @register("lenet-7-7-7")
    def _own(architecture: Architecture) -> nn.Module:
        return Output(1, architecture.classes)

    assert outline(sized("lenet-7-7-7")).prunable == 10
    assert outline(sized("lenet-7-7-7-7")).prunable == 7 * (784 + 3 * 7 + 10)


def test_a_bundle_of_somebodys_own_network_says_that_it_must_be_registered() -> None:
    with pytest.raises(NetworkError, match="must be registered with"):
        build(sized("somebodys-own-net"))


def test_kinds_follow_the_type_of_a_module_and_not_its_name() -> None:
    class Misleading(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Linear(2, 2)
            self.shortcut = nn.Conv1d(2, 2, 1)
            self.output = nn.BatchNorm1d(2)
            self.embedding = nn.Embedding(3, 3)
            self.up = nn.ConvTranspose2d(2, 2, 1)

    found = {layer.name: layer.kind for layer in prunable_layers(Misleading())}
    assert found == {"weight.weight": "fc", "shortcut.weight": "conv", "up.weight": "conv"}


def test_a_kind_can_be_set_on_others_modules_and_survives_a_copy() -> None:
    module = nn.Sequential(nn.Linear(2, 2), set_kind(nn.Linear(2, 2), "output"))
    copied = pickle.loads(pickle.dumps(module))
    assert [layer.kind for layer in prunable_layers(copied)] == ["fc", "output"]


def test_a_kind_cannot_be_set_on_what_is_not_prunable() -> None:
    with pytest.raises(NetworkError, match="BatchNorm1d cannot be a prunable layer"):
        set_kind(nn.BatchNorm1d(2), "output")


def test_layers_that_share_one_tensor_are_refused_by_name() -> None:
    module = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    module[1].weight = module[0].weight
    with pytest.raises(NetworkError, match=r"'0\.weight' and '1\.weight' share"):
        prunable_layers(module)


def test_a_layer_that_stands_in_two_places_is_refused_by_name() -> None:
    shared = nn.Linear(2, 2)
    with pytest.raises(NetworkError, match=r"'0\.weight' and '2\.weight' share"):
        prunable_layers(nn.Sequential(shared, nn.ReLU(), shared))
