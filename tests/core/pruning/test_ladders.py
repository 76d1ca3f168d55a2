"""The counts of every published ladder, and that masks have exactly these counts."""

from __future__ import annotations

import pytest
import torch

from ticket_hub.errors import PruningError
from ticket_hub.pruning import density, full_mask, kept, ladder, next_mask, one_shot_mask
from ticket_hub.pruning.masks import kept_by_layer
from ticket_hub.recipe import PruningSpec
from ticket_hub.types import PrunableLayer

LENET = [
    *(266200, 213060, 170538, 136511, 109282, 87490, 70051, 56094, 44923, 35981, 28823),
    *(23093, 18506, 14834, 11893, 9537, 7650, 6139, 4928, 3958, 3179),
]
LENET_PERCENT = [
    *(100, 80.04, 64.06, 51.28, 41.05, 32.87, 26.32, 21.07, 16.88, 13.52, 10.83),
    *(8.68, 6.95, 5.57, 4.47, 3.58, 2.87, 2.31, 1.85, 1.49, 1.19),
]


def fully_connected(inputs: int, *widths: int) -> list[PrunableLayer]:
    sizes = (inputs, *widths)
    return [
        PrunableLayer(
            name=f"fc{index}",
            kind="output" if index == len(widths) - 1 else "fc",
            shape=(width, sizes[index]),
        )
        for index, width in enumerate(widths)
    ]


def convolutions(*widths: int) -> list[PrunableLayer]:
    sizes = (3, *widths)
    return [
        PrunableLayer(name=f"conv{index}", kind="conv", shape=(width, sizes[index], 3, 3))
        for index, width in enumerate(widths)
    ]


NETWORKS = {
    "lenet": fully_connected(784, 300, 100, 10),
    "conv-2": convolutions(64, 64) + fully_connected(16384, 256, 256, 10),
    "conv-4": convolutions(64, 64, 128, 128) + fully_connected(8192, 256, 256, 10),
    "conv-6": convolutions(64, 64, 128, 128, 256, 256) + fully_connected(4096, 256, 256, 10),
    "resnet-20": [
        *convolutions(*[16] * 7, *[32] * 6, *[64] * 6),
        PrunableLayer(name="shortcut", kind="shortcut", shape=(2560,)),
        PrunableLayer(name="output", kind="output", shape=(10, 64)),
    ],
    "vgg-19": [
        *convolutions(64, 64, 128, 128, *[256] * 4, *[512] * 8),
        PrunableLayer(name="output", kind="output", shape=(10, 512)),
    ],
}
LAYERWISE = PruningSpec(rates={"fc": 0.2, "output": 0.1, "conv": 0.1})
SPECS = {
    "lenet": PruningSpec(),
    "conv-2": LAYERWISE,
    "conv-4": LAYERWISE,
    "conv-6": PruningSpec(rates={"fc": 0.2, "output": 0.1, "conv": 0.15}),
    "resnet-20": PruningSpec(scope="global", rates={"conv": 0.2}),
    "vgg-19": PruningSpec(scope="global", rates={"conv": 0.2}),
}
PUBLISHED = {
    "lenet": dict(enumerate(LENET_PERCENT)),
    "conv-2": {6: 26.47, 11: 8.81, 14: 4.57},
    "conv-4": {11: 11.06, 12: 9.18, 15: 5.37},
    "conv-6": {7: 26.61, 10: 15.29},
    "resnet-20": {4: 41.66, 6: 27.09, 7: 21.91, 10: 11.79},
    "vgg-19": {12: 6.90, 15: 3.54, 19: 1.47},
}


def test_the_lenet_ladder_has_the_exact_published_counts() -> None:
    assert list(ladder(SPECS["lenet"], NETWORKS["lenet"], 20)) == LENET


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_ladder_passes_the_published_densities(name: str) -> None:
    counts = ladder(SPECS[name], NETWORKS[name], max(PUBLISHED[name]))
    percent = {level: round(100 * counts[level] / counts[0], 2) for level in PUBLISHED[name]}
    assert percent == PUBLISHED[name]


def test_twenty_rounds_of_masks_have_the_exact_counts() -> None:
    layers, spec = NETWORKS["lenet"], SPECS["lenet"]
    weights = {layer.name: torch.randn(layer.shape).mul(8).round() for layer in layers}  # many ties
    mask, counts = full_mask(layers), [266200]
    for _ in range(20):
        mask = next_mask(spec, layers, initial=weights, trained=weights, mask=mask, seed=0)
        counts.append(kept(mask))
    assert counts == LENET


@pytest.mark.parametrize("name", ["lenet", "resnet-20"])
@pytest.mark.parametrize("level", [0, 1, 7])
def test_one_shot_reaches_what_the_iterative_ladder_has(name: str, level: int) -> None:
    layers, spec = NETWORKS[name], SPECS[name]
    weights = {layer.name: torch.randn(layer.shape) for layer in layers}
    mask = one_shot_mask(spec, layers, initial=weights, trained=weights, level=level, seed=0)
    assert kept(mask) == ladder(spec, layers, level)[level]


@pytest.mark.parametrize("target", [0.5, 0.1, 0.0358])
@pytest.mark.parametrize("name", ["lenet", "conv-2", "resnet-20"])
def test_one_shot_to_a_density_keeps_exactly_that_share(name: str, target: float) -> None:
    layers = NETWORKS[name]
    spec = PruningSpec(
        scope=SPECS[name].scope, rates=SPECS[name].rates, mode="one-shot", target_density=target
    )
    weights = {layer.name: torch.randn(layer.shape) for layer in layers}
    mask = one_shot_mask(spec, layers, initial=weights, trained=weights, level=1, seed=0)
    total = sum(layer.size for layer in layers)
    assert kept(mask) == round(target * total) == ladder(spec, layers, 1)[1]
    assert density(mask) == pytest.approx(target, abs=1 / total)


def test_one_shot_to_a_density_shares_it_as_the_rates_do() -> None:
    layers = NETWORKS["lenet"]
    spec = PruningSpec(mode="one-shot", target_density=LENET[10] / LENET[0])
    weights = {layer.name: torch.ones(layer.shape) for layer in layers}
    at_density = kept_by_layer(
        one_shot_mask(spec, layers, initial=weights, trained=weights, level=1, seed=0)
    )
    at_level = kept_by_layer(
        one_shot_mask(PruningSpec(), layers, initial=weights, trained=weights, level=10, seed=0)
    )
    for name, count in at_level.items():
        assert at_density[name] == pytest.approx(count, abs=3)


def test_a_density_below_what_is_never_pruned_is_refused() -> None:
    spec = PruningSpec(scope="global", rates={"conv": 0.2}, mode="one-shot", target_density=0.01)
    with pytest.raises(PruningError, match="3200 of 270896 weights are of kinds without a rate"):
        ladder(spec, NETWORKS["resnet-20"], 1)


def test_rates_for_kinds_that_a_network_lacks_are_refused() -> None:
    with pytest.raises(PruningError, match="names conv, but the network has fc, output"):
        ladder(PruningSpec(rates={"conv": 0.2}), NETWORKS["lenet"], 1)


def test_what_rounding_leaves_over_goes_to_the_largest_remainders() -> None:
    layers = [PrunableLayer(name=f"fc{n}", kind="fc", shape=(n,)) for n in (10, 20)]
    spec = PruningSpec(rates={"fc": 0.2}, mode="one-shot", target_density=1 / 3)
    weights = {layer.name: torch.ones(layer.shape) for layer in layers}
    mask = one_shot_mask(spec, layers, initial=weights, trained=weights, level=1, seed=0)
    assert kept_by_layer(mask) == {"fc10": 3, "fc20": 7}  # of 3.33 and 6.67


def bert() -> list[PrunableLayer]:
    """BERT-base's matrices: q, k, v, output, intermediate, output of 12 layers, and the pooler."""
    square, wide, narrow = (768, 768), (3072, 768), (768, 3072)
    each = [square] * 4 + [wide, narrow]
    shapes = [shape for _ in range(12) for shape in each] + [square]
    return [PrunableLayer(name=f"m{i}", kind="fc", shape=s) for i, s in enumerate(shapes)]


def test_the_linear_ladder_of_bert_drops_a_tenth_of_all_in_every_round() -> None:
    layers = bert()
    spec = PruningSpec(scope="global", rates={"fc": 0.1}, schedule="linear")
    assert len(layers) == 73
    assert ladder(spec, layers, 9) == tuple(85_524_480 - 8_552_448 * k for k in range(10))
    assert ladder(spec, layers, 11)[10:] == (0, 0)


@pytest.mark.parametrize("rate", [0.1, 0.07, 1 / 3])
def test_linear_rounds_prune_what_the_linear_ladder_says(rate: float) -> None:
    layers = [PrunableLayer(name=f"fc{n}", kind="fc", shape=(n,)) for n in (30, 237)]
    spec = PruningSpec(rates={"fc": rate}, schedule="linear", allow_empty_layers=True)
    weights = {layer.name: torch.rand(layer.shape) for layer in layers}
    mask, counts = dict(full_mask(layers)), [267]
    for _ in range(16):
        mask = next_mask(spec, layers, initial=weights, trained=weights, mask=mask, seed=0)
        counts.append(kept(mask))
    assert tuple(counts) == ladder(spec, layers, 16)
    expected = [sum(max(0, n - round(rate * n * k)) for n in (30, 237)) for k in range(17)]
    assert counts == expected


def test_linear_rounds_never_drop_nothing() -> None:
    layers = [PrunableLayer(name="fc", kind="fc", shape=(7,))]
    spec = PruningSpec(rates={"fc": 0.1}, schedule="linear")
    assert ladder(spec, layers, 8) == (7, 6, 5, 4, 3, 2, 1, 0, 0)


def test_a_linear_one_shot_reaches_its_density() -> None:
    layers = NETWORKS["lenet"]
    spec = PruningSpec(mode="one-shot", target_density=0.1, schedule="linear")
    assert ladder(spec, layers, 1)[1] == round(0.1 * LENET[0])
