"""Units: what goes together goes together, exactly as many as the rate says, and no more."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from tests.helpers.units import units_mask
from ticket_hub.errors import PruningError
from ticket_hub.networks import architecture_for, build, initialize, outline, register_network
from ticket_hub.networks.prunable import Output
from ticket_hub.pruning import density, full_mask, kept, ladder, next_mask, one_shot_mask
from ticket_hub.pruning.controls import random_mask_like, shuffled_mask
from ticket_hub.pruning.coverage import never_pruned
from ticket_hub.pruning.granularity import granularity_of
from ticket_hub.pruning.masks import kept_by_layer
from ticket_hub.pruning.structure import Structure
from ticket_hub.recipe import NetworkSpec, PruningSpec
from ticket_hub.recipe.axes import NETWORKS
from ticket_hub.structured.dependencies import structure_of
from ticket_hub.types import Architecture

SPEC = PruningSpec(granularity="unit")
RESNET = NetworkSpec(name="resnet-8", options={"width": 4})


def architecture(name: str = "lenet-12-8", **options: int) -> Architecture:
    shape = (50, 1, 6) if name.startswith("encoder") else (1, 8, 8)
    return architecture_for(NetworkSpec(name=name, options=options), shape, 4)


def weights(given: Architecture) -> dict[str, torch.Tensor]:
    return dict(initialize(given, NetworkSpec(name=given.name, init="default"), seed=3))


def pruned(given: Architecture, spec: PruningSpec = SPEC) -> dict[str, torch.Tensor]:
    return units_mask(given, spec, weights(given))


@pytest.mark.parametrize(("norm", "power"), [("l1", 1), ("l2", 2)])
def test_the_units_with_the_smallest_norm_of_what_comes_in_go_with_what_goes_out(
    norm: str, power: int
) -> None:
    given = architecture()
    trained = weights(given)
    mask = pruned(given, PruningSpec(granularity="unit", norm=norm, rates={"fc": 0.3}))  # type: ignore[arg-type]
    for name, consumer, gone in (
        ("hidden.0.weight", "hidden.1.weight", 4),  # round(0.3 * 12)
        ("hidden.1.weight", "output.weight", 2),  # round(0.3 * 8)
    ):
        norms = trained[name].abs().pow(power).sum(1)
        dropped = {*norms.argsort()[:gone].tolist()}
        assert {*(~mask[name].any(1)).nonzero().flatten().tolist()} == dropped
        assert {*(~mask[consumer].any(0)).nonzero().flatten().tolist()} == dropped
    assert bool(mask["output.weight"].any(1).all())


def test_a_layer_that_is_named_must_have_units_that_can_be_dropped() -> None:
    rates = {"hidden.0.*": 0.5, "output.*": 0.3}
    with pytest.raises(PruningError, match=r"'output\.\*', and no unit can be dropped there"):
        pruned(architecture(), PruningSpec(granularity="unit", layer_rates=rates))
    mask = pruned(architecture(), PruningSpec(granularity="unit", layer_rates={"*.0.*": 0.5}))
    assert int(mask["hidden.0.weight"].any(1).sum()) == 6


@pytest.mark.parametrize(
    ("name", "groups", "units"),
    [
        ("lenet-12-8", 2, 20),
        ("conv-2", 4, 64 + 64 + 256 + 256),
        ("resnet-8", 6, 16 + 32 + 64 + 16 + 32 + 64),  # three stages, and inside three blocks
        ("encoder-1-32", 3, 1 + 128 + 32),  # a head, the feed-forward part, the pooler
    ],
)
def test_the_groups_of_the_papers_networks_are_as_counted_by_hand(
    name: str, groups: int, units: int
) -> None:
    found = structure_of(architecture(name))
    assert len(found.groups) == groups
    assert sum(group.size for group in found.groups) == units


def test_layers_under_one_sum_lose_the_same_units() -> None:
    given = architecture_for(RESNET, (3, 8, 8), 4)
    mask = pruned(
        given, PruningSpec(granularity="unit", rates=dict.fromkeys(("conv", "shortcut"), 0.25))
    )
    rows = [
        mask[name].flatten(1).any(1)
        for name in ("blocks.1.conv2.weight", "blocks.1.shortcut.0.weight")
    ]
    assert torch.equal(rows[0], rows[1])
    assert int(rows[0].sum()) == 6
    assert torch.equal(mask["blocks.2.conv1.weight"].transpose(0, 1).flatten(1).any(1), rows[0])


def test_a_group_goes_at_the_lowest_rate_of_its_kinds() -> None:
    given = architecture_for(RESNET, (3, 8, 8), 4)
    mask = pruned(given, PruningSpec(granularity="unit", rates={"conv": 0.25, "shortcut": 0}))
    assert bool(mask["blocks.1.conv2.weight"].flatten(1).any(1).all())
    assert not bool(mask["blocks.1.conv1.weight"].flatten(1).any(1).all())


def test_a_flattened_channel_takes_all_its_places_along() -> None:
    given = architecture("conv-2")
    mask = pruned(given)
    gone = ~mask["features.2.weight"].flatten(1).any(1)
    assert int(gone.sum()) == 13  # round(0.2 * 64)
    assert torch.equal(~mask["hidden.0.weight"].any(0), gone.repeat_interleave(16))


@pytest.mark.parametrize("name", ["lenet-12-8", "resnet-8", "conv-2"])
def test_the_ladder_of_units_is_known_beforehand_in_weights(name: str) -> None:
    given = architecture(name)
    layers, trained, structure = outline(given).layers, weights(given), structure_of(given)
    spec = PruningSpec(granularity="unit", criterion="random")
    counts, mask = ladder(spec, layers, 3, structure), full_mask(layers)
    common: dict[str, Any] = {"initial": trained, "trained": trained, "structure": structure}
    for level in range(1, 4):
        mask = next_mask(spec, layers, **common, mask=mask, seed=level)
        shot = one_shot_mask(spec, layers, **common, level=level, seed=0)
        assert kept(mask) == kept(shot) == counts[level] < counts[level - 1]


def test_a_target_density_is_reached_as_nearly_as_whole_units_can() -> None:
    given = architecture("conv-2")
    layers, structure = outline(given).layers, structure_of(given)
    spec = PruningSpec(granularity="unit", mode="one-shot", target_density=0.25)
    before, after = ladder(spec, layers, 1, structure)
    assert 0.24 < after / before <= 0.25


def test_in_one_ranking_units_go_by_what_they_are_beside_the_mean_of_their_group() -> None:
    given = architecture()
    trained = weights(given)
    trained["hidden.1.weight"] *= 1000  # the size of a layer does not count
    layers, structure = outline(given).layers, structure_of(given)
    spec = PruningSpec(granularity="unit", scope="global", rates={"fc": 0.4})
    mask = units_mask(given, spec, trained)
    names = ("hidden.0.weight", "hidden.1.weight")
    norms = [trained[name].double().abs().sum(1) for name in names]
    beside = torch.cat([each / each.mean() for each in norms])
    gone = {*beside.argsort()[:8].tolist()}  # round(0.4 * 20)
    dropped = torch.cat([~mask[name].any(1) for name in names])
    assert {*dropped.nonzero().flatten().tolist()} == gone
    assert 0 < ladder(spec, layers, 1, structure)[1] < kept(full_mask(layers))


def test_what_a_norm_mixes_is_named_and_stays() -> None:
    given = architecture("encoder-1-32")
    structure = structure_of(given)
    (sentence,) = [
        each for each in never_pruned(SPEC, outline(given).layers, structure) if "LayerNorm" in each
    ]
    assert "layers.0.attention_output.weight" in sentence
    assert "layers.0.output.weight" in sentence
    mask = pruned(given, PruningSpec(granularity="unit", rates={"fc": 0.5}))
    assert bool(mask["layers.0.attention_output.weight"].any(1).all())
    assert int(mask["layers.0.intermediate.weight"].any(1).sum()) == 64


class Leaky(nn.Module):
    """Its outputs depend on every unit by a way of which no layer knows."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share
        self.first, self.last = nn.Linear(64, 16), Output(16, 4)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        units = self.first(inputs.flatten(1)).relu()
        outputs: torch.Tensor = self.last(units) + self.share * units.mean(1, keepdim=True)
        return outputs


@pytest.mark.parametrize("share", [1.0, 1e-4, 1e-7])
def test_units_that_are_heard_by_another_way_stay_however_little_it_is(
    share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(NETWORKS, "_known", {**NETWORKS._known})

    @register_network("leaky")
    def leaky(architecture: Architecture) -> nn.Module:
        del architecture
        return Leaky(share)

    given = Architecture(name="leaky", channels=1, height=8, width=8, classes=4)
    structure = structure_of.__wrapped__(given)
    assert not structure.groups
    assert "other units depend" in structure.fixed["first.weight"]


class Unseen(nn.Module):
    """A second layer reads the units, and autograd records nothing of it."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.side, self.last = nn.Linear(64, 16), nn.Linear(16, 4), Output(16, 4)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        units = self.first(inputs.flatten(1)).relu()
        outputs: torch.Tensor = self.last(units) + self.side(units.detach())
        return outputs


def test_units_stay_that_a_layer_reads_of_which_no_graph_knows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(NETWORKS, "_known", {**NETWORKS._known})

    @register_network("unseen")
    def unseen(architecture: Architecture) -> nn.Module:
        del architecture
        return Unseen()

    given = Architecture(name="unseen", channels=1, height=8, width=8, classes=4)
    assert not structure_of.__wrapped__(given).groups


class Gated(nn.Module):
    """Half of a layer's outputs gate the other half, so that the next reads half as many."""

    def __init__(self) -> None:
        super().__init__()
        self.positions = nn.Parameter(torch.zeros(1, 3, 64))
        self.first, self.last = nn.Linear(64, 32), Output(16, 4)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        values, gates = self.first(inputs.flatten(2) + self.positions).chunk(2, dim=-1)
        outputs: torch.Tensor = self.last(values * gates.sigmoid()).mean(1)
        return outputs


def test_units_of_which_a_layer_reads_fewer_than_there_are_are_named_and_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(NETWORKS, "_known", {**NETWORKS._known})

    @register_network("gated")
    def gated(architecture: Architecture) -> nn.Module:
        del architecture
        return Gated()

    given = Architecture(name="gated", channels=3, height=8, width=8, classes=4)
    structure = structure_of.__wrapped__(given)
    assert not structure.groups
    assert "last has fewer of them than the layers before" in structure.fixed["first.weight"]


def test_heads_go_whole() -> None:
    given = architecture("encoder-1-64")
    mask = pruned(given, PruningSpec(granularity="unit", rates={"fc": 0.5}))
    rows = [
        mask[f"layers.0.{name}.weight"].any(1).view(2, 32) for name in ("query", "key", "value")
    ]
    assert [*rows[0].all(1).tolist(), *rows[0].any(1).tolist()].count(True) == 2
    assert all(torch.equal(each, rows[0]) for each in rows)
    columns = mask["layers.0.attention_output.weight"].any(0).view(2, 32)
    assert torch.equal(columns, rows[0])


def test_where_no_unit_can_go_the_reason_is_said() -> None:
    spec = PruningSpec(granularity="unit", rates={"output": 0.5})
    with pytest.raises(PruningError, match=r"output\.weight: its outputs are those"):
        ladder(spec, outline(architecture()).layers, 1, structure_of(architecture()))
    with pytest.raises(PruningError, match="whose units are known"):
        ladder(SPEC, outline(architecture()).layers, 1)


def _rows(structure: Structure, mask: dict[str, torch.Tensor]) -> list[int]:
    return [int(group.kept(mask).sum()) for group in structure.groups]


@pytest.mark.parametrize("name", ["lenet-12-8", "resnet-8"])
def test_controls_move_whole_units(name: str) -> None:
    given = architecture(name)
    mask, structure = pruned(given), structure_of(given)
    granularity = granularity_of(SPEC, structure)
    for moved in (shuffled_mask(mask, 1, granularity), random_mask_like(mask, 1, granularity)):
        assert kept_by_layer(moved) == kept_by_layer(mask)
        assert density(moved) == density(mask)
        assert _rows(structure, moved) == _rows(structure, mask)
        assert any(not torch.equal(keep, mask[layer]) for layer, keep in moved.items())


def test_moving_units_of_mask_and_weights_leaves_the_outputs() -> None:
    """Places of rows and columns belong to one another: checked by the network itself."""
    given = architecture_for(RESNET, (3, 8, 8), 4)
    state, images = weights(given), torch.rand(2, 3, 8, 8)
    module = build(given).eval()
    module.load_state_dict(state)
    before = module(images)
    moved = {name: value.clone() for name, value in state.items()}
    for group in structure_of(given).groups:
        order = torch.randperm(group.size, generator=torch.Generator().manual_seed(4))
        for name, places in group.rows.items():
            moved[name][places.flatten()] = moved[name][places[order].flatten()]
        for name, places in group.columns.items():
            moved[name][:, places.flatten()] = moved[name][:, places[order].flatten()]
    module.load_state_dict(moved)
    assert any(not torch.equal(state[name], value) for name, value in moved.items())
    assert torch.allclose(module(images), before, atol=1e-5)
