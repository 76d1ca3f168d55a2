"""Units have no order: a network with its units permuted trains alike, and is found again."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from ticket_hub.networks import architecture_for, build, initialize, outline, register_network
from ticket_hub.networks.prunable import Output
from ticket_hub.pruning import random_mask
from ticket_hub.pruning.keeping import load_masked
from ticket_hub.recipe import NetworkSpec
from ticket_hub.recipe.axes import NETWORKS as REGISTERED
from ticket_hub.structured import structure_of
from ticket_hub.structured.matching import match_units, permuted_units
from ticket_hub.types import Architecture, Mask, Weights

NETWORKS = [
    ("lenet-300-100", (1, 8, 8)),
    ("conv-2", (3, 8, 8)),
    ("resnet-8", (3, 8, 8)),
    ("encoder-1-96", (50, 1, 6)),  # three heads of 32 features
    ("heads", (3, 1, 6)),
]


class Attention(nn.Module):
    """Attention with the attributes and the order of rows that timm's has."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.num_heads, self.head_dim, self.attn_dim = heads, width // heads, width
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, values: Tensor) -> Tensor:
        rows = self.qkv(values).unflatten(2, (3, self.num_heads, self.head_dim))
        query, key, value = rows.permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(query, key, value)
        outputs: Tensor = self.proj(seen.transpose(1, 2).flatten(2))
        return outputs


class Heads(nn.Module):
    """One attention layer over places along the width."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.embed = nn.Linear(channels, 12)
        self.attention = Attention(12, heads=3)
        self.classes = Output(12, classes)

    def forward(self, images: Tensor) -> Tensor:
        places = self.embed(images.flatten(2).transpose(1, 2)).tanh()
        logits: Tensor = self.classes((places + self.attention(places)).mean(1))
        return logits


@pytest.fixture(autouse=True)
def heads(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network of the registry whose heads are timm's."""
    monkeypatch.setattr(REGISTERED, "_known", {**REGISTERED._known})

    @register_network("heads")
    def made(architecture: Architecture) -> nn.Module:
        return Heads(architecture.channels, architecture.classes)


def examples(architecture: Architecture, count: int, generator: torch.Generator) -> Tensor:
    if architecture.name.startswith("encoder"):
        shape = (count, *architecture.input_shape[1:])
        return torch.randint(1, architecture.channels, shape, generator=generator)[:, None]
    return torch.rand(count, *architecture.input_shape, generator=generator)


def precise(inputs: Tensor) -> Tensor:
    return inputs.double() if inputs.is_floating_point() else inputs


def begin(name: str, shape: tuple[int, int, int]) -> tuple[Architecture, Weights, Mask]:
    spec = NetworkSpec(name=name)
    architecture = architecture_for(spec, shape, 4)
    layers = outline(architecture).layers
    mask = random_mask(layers, {each.name: each.size // 3 for each in layers}, seed=1)
    return architecture, initialize(architecture, spec, seed=2), mask


def shuffled(architecture: Architecture, seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    orders = {}
    for group in structure_of(architecture).groups:
        orders[group.name] = torch.randperm(group.size, generator=generator)
        for inner in group.inner:
            parts = next(iter(inner.rows.values())).shape[1]
            each = [torch.randperm(parts, generator=generator) for _ in range(group.size)]
            orders[inner.name] = torch.stack(each)
    return orders


def trained(
    architecture: Architecture, theta0: Weights, mask: Mask, steps: int
) -> tuple[list[float], Weights]:
    """Losses of so many steps of SGD with momentum and weight decay in float64, and the state."""
    module = build(architecture)
    load_masked(module, theta0, mask)
    module.double()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-3)
    generator = torch.Generator().manual_seed(3)
    losses = []
    for _ in range(steps):
        images = precise(examples(architecture, 8, generator))
        labels = torch.randint(0, architecture.classes, (8,), generator=generator)
        optimizer.zero_grad()
        loss = functional.cross_entropy(module(images), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, {name: value.detach().clone() for name, value in module.state_dict().items()}


@pytest.mark.parametrize(("name", "shape"), NETWORKS)
def test_permuting_units_of_theta0_and_mask_leaves_the_training_as_it_is(
    name: str, shape: tuple[int, int, int]
) -> None:
    architecture, theta0, mask = begin(name, shape)
    structure, orders = structure_of(architecture), shuffled(architecture, 4)
    other, moved = (permuted_units(structure, each, orders) for each in (theta0, mask))
    assert any(not torch.equal(moved[layer], mask[layer]) for layer in mask)
    one, end = trained(architecture, theta0, mask, 6)
    two, other_end = trained(architecture, other, moved, 6)
    assert one == pytest.approx(two, rel=1e-11)
    for layer, value in permuted_units(structure, end, orders).items():
        torch.testing.assert_close(other_end[layer], value, rtol=1e-8, atol=1e-11)
    # Neither alone is the same network: the test sees what it should.
    assert trained(architecture, theta0, moved, 2)[0][0] != pytest.approx(one[0], rel=1e-6)
    assert trained(architecture, other, mask, 2)[0][0] != pytest.approx(one[0], rel=1e-6)


@pytest.mark.parametrize(("name", "shape"), NETWORKS)
def test_units_that_were_permuted_are_found_by_their_activations(
    name: str, shape: tuple[int, int, int]
) -> None:
    architecture, theta0, mask = begin(name, shape)
    structure, orders = structure_of(architecture), shuffled(architecture, 5)
    other = permuted_units(structure, theta0, orders)
    generator = torch.Generator().manual_seed(6)
    batches = [examples(architecture, 40, generator) for _ in range(3)]
    found = match_units(architecture, structure, theta0, other, batches)
    assert list(found) == list(orders)
    for group in structure.groups:
        alive = _alive(architecture, theta0, group.columns, batches)
        # Units that never fire are alike, and any assignment of them is as good.
        same = found[group.name] == orders[group.name]
        assert bool(same[alive[orders[group.name]]].all()), group.name
        assert sorted(found[group.name].tolist()) == list(range(group.size))
        for inner in group.inner:
            assert torch.equal(found[inner.name], orders[inner.name]), inner.name
    assert all(
        moved.sum() == mask[n].sum() for n, moved in permuted_units(structure, mask, found).items()
    )


def _alive(
    architecture: Architecture,
    weights: Weights,
    columns: Mapping[str, Tensor],
    batches: list[Tensor],
) -> Tensor:
    """The units that any consumer ever reads something of."""
    module, seen = build(architecture).double().eval(), []
    module.load_state_dict(dict(weights))
    for name, places in columns.items():

        def note(_: object, inputs: tuple[Tensor, ...], places: Tensor = places) -> None:
            values = inputs[0].movedim(1, -1) if inputs[0].ndim == 4 else inputs[0]
            spread = values.flatten(0, -2).detach()[:, places].transpose(1, 2).flatten(0, 1).std(0)
            seen.append(spread > 0)

        module.get_submodule(name.removesuffix(".weight")).register_forward_pre_hook(note)
    for batch in batches:
        module(precise(batch))
    return torch.stack(seen).any(0)
