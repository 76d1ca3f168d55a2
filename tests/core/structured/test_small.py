"""The smaller network computes what the masked one computes, and learns what it learns."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.helpers.units import units_mask
from ticket_hub.bundle.ticket import TicketContent
from ticket_hub.errors import BundleFormatError, NetworkError
from ticket_hub.interop.exporters import export_ticket
from ticket_hub.networks import architecture_for, initialize, outline
from ticket_hub.pruning import mask_handle, random_mask
from ticket_hub.recipe import NetworkSpec, PruningSpec
from ticket_hub.structured import load_small, shrink
from ticket_hub.types import LayerKind

KINDS: tuple[LayerKind, ...] = ("conv", "fc", "shortcut")


def ticket(name: str, shape: tuple[int, int, int], rate: float = 0.5) -> TicketContent:
    """Half of the units of each group are dropped; norms and biases are not what they begin as."""
    spec = NetworkSpec(name=name)
    architecture = architecture_for(spec, shape, 4)
    theta0 = {key: value.clone() for key, value in initialize(architecture, spec, seed=1).items()}
    generator = torch.Generator().manual_seed(2)
    for value in theta0.values():
        if value.ndim == 1 and value.is_floating_point():
            value.copy_(0.5 + torch.rand(value.shape, generator=generator))
    pruning = PruningSpec(granularity="unit", rates=dict.fromkeys(KINDS, rate))
    mask = units_mask(architecture, pruning, theta0)
    return TicketContent(architecture=architecture, mask=mask, theta0=theta0)


def inputs(given: TicketContent, count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(5)
    shape = (count, *given.architecture.input_shape)
    if given.architecture.name.startswith("encoder"):
        return torch.randint(0, 50, (count, 1, 1, shape[3]), generator=generator)
    return torch.rand(shape, generator=generator)


def parameters(module: nn.Module) -> int:
    return sum(value.numel() for value in module.parameters())


def difference(one: nn.Module, other: nn.Module, images: torch.Tensor) -> float:
    with torch.no_grad():
        first, second = one.eval()(images), other.eval()(images)
    return float((first - second).abs().max() / first.abs().max().clamp(min=1))


@pytest.mark.parametrize(
    ("name", "shape", "count"),
    [
        ("lenet-300-100", (1, 28, 28), 1000),
        ("conv-2", (1, 8, 8), 1000),
        ("resnet-8", (3, 8, 8), 1000),
        ("vgg-11", (3, 16, 16), 20),
        ("encoder-2-64", (50, 1, 6), 100),
    ],
)
def test_the_smaller_network_gives_the_outputs_of_the_masked_one(
    name: str, shape: tuple[int, int, int], count: int
) -> None:
    given = ticket(name, shape)
    whole, small = given.build(), given.build(small=True)
    assert parameters(small) < 0.6 * parameters(whole)
    assert mask_handle(small) is None  # nothing of what is left is dropped
    assert difference(whole, small, inputs(given, count)) <= 1e-5


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "timm:resnet18",
        "timm:mobilenetv2_050",
        "timm:densenet121",
        "timm:efficientnet_b0",
        "timm:convnext_atto",
        "timm:vit_tiny_patch16_224",
        "conv-6",
        "vgg-19",
        "resnet-20",
    ],
)
def test_so_does_that_of_larger_networks(name: str) -> None:
    side = 224 if "vit" in name else 32
    given = ticket(name, (3, side, side))
    whole, small = given.build(), given.build(small=True)
    assert parameters(small) < 0.75 * parameters(whole)
    assert difference(whole, small, inputs(given, 4 if side > 32 else 16)) <= 1e-5


@pytest.mark.parametrize(("name", "shape"), [("conv-2", (1, 8, 8)), ("resnet-8", (3, 8, 8))])
def test_one_step_of_sgd_gives_both_the_same_weights(
    name: str, shape: tuple[int, int, int]
) -> None:
    given = ticket(name, shape)
    small = shrink(given.architecture, given.theta0, given.mask)
    modules = given.build(), small.build()
    labels = torch.arange(16) % 4
    for module in modules:
        optimizer = torch.optim.SGD(module.train().parameters(), lr=0.01, momentum=0.9)
        nn.functional.cross_entropy(module(inputs(given, 16)), labels).backward()
        optimizer.step()
    after = small.cut(modules[0].state_dict())
    assert [*after] == [*modules[1].state_dict()]
    for key, value in modules[1].state_dict().items():
        assert torch.allclose(value, after[key], rtol=1e-6, atol=1e-6), key
    assert (
        any(
            not torch.equal(value, small.weights[key])
            for key, value in after.items()
            if "norm" in key
        )
        or name == "conv-2"
    )


def test_any_mask_loses_what_nothing_reads_and_keeps_the_rest_masked() -> None:
    spec = NetworkSpec(name="lenet-12-8")
    architecture = architecture_for(spec, (1, 6, 6), 4)
    mask = random_mask(outline(architecture).layers, 60, seed=3)
    mask["output.weight"][:, [1, 4]] = False
    mask["hidden.1.weight"][:, 5] = False
    mask["hidden.1.weight"][[0, 2, 3, 5, 6, 7], 7] = False
    mask["hidden.1.weight"][[1, 4], 7] = True  # read by units alone that nothing reads
    theta0 = initialize(architecture, spec, seed=1)
    given = TicketContent(architecture=architecture, mask=mask, theta0=theta0)
    small = shrink(architecture, theta0, mask)
    assert {1, 4}.isdisjoint(small.kept["hidden.1.weight"][0].tolist())
    assert {5, 7}.isdisjoint(small.kept["hidden.0.weight"][0].tolist())
    handle = mask_handle(given.build(small=True))
    assert handle is not None
    assert torch.equal(handle.mask["output.weight"], small.mask["output.weight"])
    assert difference(given.build(), given.build(small=True), inputs(given, 100)) <= 1e-6


def test_the_last_unit_of_a_layer_stays() -> None:
    given = ticket("lenet-300-100", (1, 4, 4))
    empty = {name: torch.zeros_like(keep) for name, keep in given.mask.items()}
    small = shrink(given.architecture, given.theta0, empty)
    assert small.weights["hidden.0.weight"].shape == (1, 16)
    assert small.weights["output.weight"].shape == (4, 1)


def test_files_give_the_module_back_without_pickle(tmp_path: Path) -> None:
    given = ticket("resnet-8", (3, 8, 8))
    files = export_ticket(given, "small", tmp_path / "small")
    assert [path.name for path in files] == ["model.safetensors", "structure.json"]
    record = json.loads(files[1].read_text())
    assert (record["format"], record["ticket"]) == (1, given.id)
    assert len(record["kept"]["blocks.0.conv1.weight"]["0"]) == 8
    module = load_small(tmp_path / "small")
    assert difference(module, given.build(), inputs(given, 50)) <= 1e-5
    assert mask_handle(module) is None


@pytest.mark.parametrize(
    ("change", "about"),
    [
        (lambda record: record | {"format": 2}, "format 2"),
        (lambda record: record | {"kept": {"conv.weight": {"0": [99]}}}, "cannot be"),
        (lambda record: record | {"kept": {"conv.weight": {"0": [1, 0]}}}, "cannot be"),
        (lambda record: record | {"kept": {}}, "holds no smaller network"),
        (lambda record: record | {"attributes": {"conv.forward": 1}}, "cannot be 1"),
        (lambda _record: [], "holds no smaller network"),
    ],
)
def test_damaged_files_are_refused(change: object, about: str, tmp_path: Path) -> None:
    given = ticket("resnet-8", (3, 8, 8))
    _, path = export_ticket(given, "small", tmp_path / "small")
    assert callable(change)
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(BundleFormatError, match=about):
        load_small(tmp_path / "small")


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleFormatError, match=r"has no structure\.json"):
        load_small(tmp_path)
    given = ticket("lenet-300-100", (1, 4, 4))
    with pytest.raises(NetworkError, match="of the registry"):
        given.build(lambda: nn.Linear(2, 2), small=True)
