"""How weights are shared out over layers: by ERK, or with one density for all."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticket_hub.errors import PruningError, RecipeError
from ticket_hub.networks import architecture_for, outline
from ticket_hub.pruning import ladder
from ticket_hub.pruning.distribution import (
    DISTRIBUTIONS,
    erk,
    in_proportion,
    register_distribution,
    shared_out,
)
from ticket_hub.pruning.plan import kept_at
from ticket_hub.recipe import NetworkSpec, PruningSpec, load_recipe
from ticket_hub.types import PrunableLayer

LAYERS = [
    PrunableLayer(name="small", kind="conv", shape=(4, 3, 3, 3)),
    PrunableLayer(name="wide", kind="conv", shape=(64, 32, 3, 3)),
    PrunableLayer(name="fc", kind="fc", shape=(100, 256)),
]
SIZE = sum(layer.size for layer in LAYERS)


@given(kept=st.integers(0, SIZE), name=st.sampled_from(DISTRIBUTIONS.names()), output=st.booleans())
def test_counts_are_exact_and_possible(*, kept: int, name: str, output: bool) -> None:
    layers = [*LAYERS, PrunableLayer(name="out", kind="output", shape=(10, 100))]
    layers = layers if output else LAYERS
    kept = min(kept, sum(layer.size for layer in layers))
    counts = shared_out(name, layers, kept)
    assert sum(counts.values()) == kept
    assert all(0 <= counts[layer.name] <= layer.size for layer in layers)


def water(raw: list[float], sizes: list[int], kept: float) -> list[float]:
    """Densities min(1, c * raw) with the one c that leaves `kept`, by bisection."""
    low, high = 0.0, 1e12
    for _ in range(200):
        c = (low + high) / 2
        left = sum(min(1, c * each) * size for each, size in zip(raw, sizes, strict=True))
        low, high = (low, c) if left > kept else (c, high)
    return [min(1, low * each) for each in raw]


CONV2 = outline(architecture_for(NetworkSpec(name="conv-2"), (3, 32, 32), 10)).layers
"""Weights: 1,728, 36,864, 4,194,304, 65,536, 2,560."""
RAW: dict[str, list[float]] = {
    "uniform": [1, 1, 1, 1, 1],
    "erk": [
        (64 + 3 + 3 + 3) / 1728,
        (64 + 64 + 3 + 3) / 36864,
        (256 + 16384) / 4194304,
        (256 + 256) / 65536,
        (10 + 256) / 2560,
    ],
    "size": [1728**-0.5, 36864**-0.5, 4194304**-0.5, 65536**-0.5, 2560**-0.5],
    "depth": [5, 4, 3, 2, 1],
}


@pytest.mark.parametrize("density", [0.5, 0.1, 0.01])
@pytest.mark.parametrize("name", RAW)
def test_densities_are_those_of_a_few_independent_lines(name: str, density: float) -> None:
    sizes = [layer.size for layer in CONV2]
    kept = round(density * sum(sizes))
    expected = water(RAW[name], sizes, kept)
    counts = shared_out(name, CONV2, kept)
    for layer, share in zip(CONV2, expected, strict=True):
        assert counts[layer.name] == pytest.approx(share * layer.size, abs=1.01)


@pytest.mark.parametrize(("name", "power"), [("smart-ratio", 0), ("smart-ratio-vgg", 2)])
def test_smart_ratios_are_those_of_their_authors(name: str, power: int) -> None:
    # L = 4 beside the output: 4^2 + 4, 3^2 + 3, 2^2 + 2, 1 + 1
    raw = [20, 12 / 2**power, 6 / 3**power, 2 / 4**power]
    sizes = [layer.size for layer in CONV2]
    kept = round(0.1 * sum(sizes))
    expected = [*water(raw, sizes[:4], kept - 0.3 * 2560), 0.3]
    counts = shared_out(name, CONV2, kept)
    for layer, share in zip(CONV2, expected, strict=True):
        assert counts[layer.name] == pytest.approx(share * layer.size, abs=1.01)


def test_larger_and_deeper_layers_are_pruned_more_where_that_is_asked() -> None:
    by_size = shared_out("size", CONV2, 200_000)
    by_depth = shared_out("depth", CONV2, 200_000)
    densities = {layer.name: by_size[layer.name] / layer.size for layer in CONV2}
    ranked = sorted(CONV2, key=lambda layer: layer.size)
    falling = [densities[layer.name] for layer in ranked]
    assert falling == sorted(falling, reverse=True)
    deeper = [by_depth[layer.name] / layer.size for layer in CONV2]
    assert deeper == sorted(deeper, reverse=True)


def test_a_distribution_of_ones_own_joins_by_the_decorator_and_is_checked() -> None:
    @register_distribution("tests-first")
    def first(layers: Sequence[PrunableLayer], kept: int) -> dict[str, float]:
        return in_proportion({layer.name: 0.5**i for i, layer in enumerate(layers)}, layers, kept)

    @register_distribution("tests-wrong")
    def wrong(layers: Sequence[PrunableLayer]) -> dict[str, float]:
        return {layer.name: 0.5 for layer in layers}

    spec = PruningSpec(mode="one-shot", target_density=0.1, distribution="tests-first")
    kept = kept_at(spec, LAYERS, 1)
    assert isinstance(kept, dict)
    assert kept["wide"] / 18432 == pytest.approx(2 * kept["fc"] / 25600, rel=1e-3)
    with pytest.raises(PruningError, match="do not leave 100 of"):
        shared_out("tests-wrong", LAYERS, 100)


def test_rates_may_be_given_by_the_names_of_layers() -> None:
    spec = PruningSpec(rates={"conv": 0.2}, layer_rates={"wi*": 0.5, "f?": 0.1})
    assert kept_at(spec, LAYERS, 1) == {"small": 86, "wide": 9216, "fc": 23040}
    with pytest.raises(PruningError, match="names 'wide2'") as refused:
        kept_at(PruningSpec(layer_rates={"wide2": 0.5}), LAYERS, 1)
    assert "nearest is 'wide'" in refused.value.remedy
    with pytest.raises(RecipeError, match=r"pruning\.layer_rates cannot be"):
        load_recipe("digits-quick").replace({"pruning.layer_rates": {"hidden.*": 1.0}})


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
    spec = PruningSpec(mode="one-shot", target_density=0.1, distribution=name)
    assert ladder(spec, layers, 1) == ladder(plain, layers, 1)
    kept = kept_at(spec, layers, 1)
    assert isinstance(kept, dict)
    densities = [kept[layer.name] / layer.size for layer in layers]
    if name == "uniform":
        assert densities == pytest.approx([0.1] * len(layers), abs=2e-3)
    else:
        assert densities[0] == 1.0
        assert max(densities[1:]) > 2 * min(densities)
