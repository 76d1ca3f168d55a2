"""n:m: the n largest of each m consecutive inputs, whatever the rates say."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from ticket_hub.errors import PruningError, RecipeError
from ticket_hub.networks import register_network
from ticket_hub.pruning import full_mask, kept, ladder, next_mask
from ticket_hub.pruning.controls import random_mask_like, shuffled_mask
from ticket_hub.pruning.granularity import granularity_of
from ticket_hub.recipe import PruningSpec, load_recipe
from ticket_hub.recipe.axes import NETWORKS
from ticket_hub.structured.dependencies import structure_for
from ticket_hub.types import Architecture, PrunableLayer

LAYERS = [
    PrunableLayer(name="conv", kind="conv", shape=(4, 8, 3, 3)),
    PrunableLayer(name="first", kind="conv", shape=(4, 3, 3, 3)),
    PrunableLayer(name="fc", kind="fc", shape=(5, 10)),
    PrunableLayer(name="out", kind="output", shape=(3, 8)),
]
RATES = {"conv": 0.2, "fc": 0.2}


def weights(seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {layer.name: torch.randn(layer.shape, generator=generator) for layer in LAYERS}


def pruned(spec: PruningSpec, trained: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    mask = full_mask(LAYERS)
    return next_mask(spec, LAYERS, initial=trained, trained=trained, mask=mask, seed=0)


def reference(values: torch.Tensor, n: int, m: int) -> torch.Tensor:
    """Block by block in plain Python."""
    keep = torch.zeros_like(values, dtype=torch.bool)
    last = values.movedim(1, -1).abs()
    kept = keep.movedim(1, -1)
    for place in torch.cartesian_prod(*map(torch.arange, last.shape[:-1])).view(
        -1, values.ndim - 1
    ):
        row = last[tuple(place)].tolist()
        for start in range(0, len(row), m):
            block = range(start, min(start + m, len(row)))
            for index in sorted(block, key=lambda i: (-row[i], i))[:n]:
                kept[(*place, index)] = True
    return keep


@pytest.mark.parametrize(("n", "m"), [(2, 4), (4, 8), (1, 4), (1, 2), (3, 16)])
def test_the_n_largest_of_each_m_inputs_stay(n: int, m: int) -> None:
    spec, trained = PruningSpec(granularity=f"{n}:{m}", rates=RATES), weights()
    mask = pruned(spec, trained)
    for name in ("conv", "first", "fc"):
        assert torch.equal(mask[name], reference(trained[name], n, m))
    assert bool(mask["out"].all())
    counts = ladder(spec, LAYERS, 2)
    assert kept(mask) == counts[1] == counts[2]


def test_ties_fall_to_the_earlier_input() -> None:
    spec = PruningSpec(granularity="2:4", rates=RATES)
    mask = pruned(spec, {layer.name: torch.ones(layer.shape) for layer in LAYERS})
    assert mask["fc"][0].tolist() == [True, True, False, False] * 2 + [True, True]


def test_a_second_round_drops_nothing() -> None:
    spec, trained = PruningSpec(granularity="2:4", rates=RATES), weights()
    mask = pruned(spec, trained)
    again = next_mask(spec, LAYERS, initial=trained, trained=weights(1), mask=mask, seed=0)
    assert all(torch.equal(again[name], keep) for name, keep in mask.items())


@given(st.integers(0, 1000))
def test_controls_draw_within_blocks(seed: int) -> None:
    spec = PruningSpec(granularity="2:4", rates=RATES)
    mask, granularity = pruned(spec, weights()), granularity_of(spec)
    for moved in (
        shuffled_mask(mask, seed, granularity),
        random_mask_like(mask, seed, granularity),
    ):
        assert any(not torch.equal(moved[name], keep) for name, keep in mask.items())
        for name, keep in mask.items():
            blocks = [
                torch.stack([part.sum(1) for part in each.split(4, dim=1)])
                for each in (keep, moved[name])
            ]
            assert torch.equal(*blocks)


@pytest.mark.parametrize("name", ["4:4", "5:2"])
def test_what_drops_nothing_is_refused(name: str) -> None:
    with pytest.raises(PruningError, match="would drop nothing"):
        ladder(PruningSpec(granularity=name, rates=RATES), LAYERS, 1)


def test_a_global_ranking_and_a_density_are_refused() -> None:
    with pytest.raises(PruningError, match="whatever other weights"):
        ladder(PruningSpec(granularity="2:4", scope="global"), LAYERS, 1)
    spec = PruningSpec(granularity="2:4", mode="one-shot", target_density=0.3)
    with pytest.raises(PruningError, match="whatever other weights"):
        ladder(spec, LAYERS, 1)


def test_names_are_patterns_and_others_are_refused() -> None:
    recipe = load_recipe("digits-quick")
    assert recipe.replace({"pruning.granularity": "7:32"}).pruning.granularity == "7:32"
    with pytest.raises(RecipeError, match="'weight', 'unit', '2:4', '4:8'"):
        recipe.replace({"pruning.granularity": "2:x"})


def test_a_layer_whose_inputs_lie_elsewhere_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(NETWORKS, "_known", {**NETWORKS._known})

    @register_network("upward")
    def upward(architecture: Architecture) -> nn.Module:
        up = nn.ConvTranspose2d(architecture.channels, 4, 2)
        return nn.Sequential(up, nn.Flatten(), nn.Linear(4 * 25, architecture.classes))

    network = Architecture(name="upward", channels=4, height=4, width=4, classes=3)
    with pytest.raises(PruningError, match="is of a transposed convolution"):
        structure_for(PruningSpec(granularity="2:4", rates={"conv": 0.5, "fc": 0.5}), network)
    assert structure_for(PruningSpec(granularity="2:4", rates={"fc": 0.5}), network) is None
    assert structure_for(PruningSpec(rates={"conv": 0.5}), network) is None
