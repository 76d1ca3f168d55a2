"""How weights are shared out over layers: by ERK, or with one density for all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticket_hub.networks import architecture_for, outline
from ticket_hub.pruning import ladder
from ticket_hub.pruning.distribution import erk, shared_out
from ticket_hub.pruning.plan import kept_at
from ticket_hub.recipe import NetworkSpec, PruningSpec
from ticket_hub.types import PrunableLayer

LAYERS = [
    PrunableLayer(name="small", kind="conv", shape=(4, 3, 3, 3)),
    PrunableLayer(name="wide", kind="conv", shape=(64, 32, 3, 3)),
    PrunableLayer(name="fc", kind="fc", shape=(100, 256)),
]
SIZE = sum(layer.size for layer in LAYERS)


@given(st.integers(0, SIZE), st.sampled_from(["erk", "uniform"]))
def test_counts_are_exact_and_possible(kept: int, name: str) -> None:
    counts = shared_out(name, LAYERS, kept)
    assert sum(counts.values()) == kept
    assert all(0 <= counts[layer.name] <= layer.size for layer in LAYERS)


def test_erk_is_in_proportion_to_the_extents_and_layers_above_one_are_dense() -> None:
    densities = erk(LAYERS, SIZE // 10)
    assert densities["small"] == 1.0  # (4 + 3 + 3 + 3) / 108, far above the others
    ratio = (64 + 32 + 3 + 3) / (64 * 32 * 9) / ((100 + 256) / (100 * 256))
    assert densities["wide"] / densities["fc"] == pytest.approx(ratio)
    kept = sum(densities[layer.name] * layer.size for layer in LAYERS)
    assert kept == pytest.approx(SIZE // 10)


@pytest.mark.parametrize("name", ["erk", "uniform"])
def test_a_recipe_shares_each_level_of_its_ladder_so(name: str) -> None:
    layers = outline(architecture_for(NetworkSpec(name="conv-2"), (1, 8, 8), 10)).layers
    plain = PruningSpec(mode="one-shot", target_density=0.1)
    spec = PruningSpec(mode="one-shot", target_density=0.1, distribution=name)  # type: ignore[arg-type]
    assert ladder(spec, layers, 1) == ladder(plain, layers, 1)
    kept = kept_at(spec, layers, 1)
    assert isinstance(kept, dict)
    densities = [kept[layer.name] / layer.size for layer in layers]
    if name == "uniform":
        assert densities == pytest.approx([0.1] * len(layers), abs=2e-3)
    else:
        assert densities[0] == 1.0
        assert max(densities[1:]) > 2 * min(densities)
