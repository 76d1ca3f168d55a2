"""Every number of the packaged recipes against the papers' tables."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import pytest
import torch

from ticket_hub.networks import build, prunable_layers
from ticket_hub.recipe import Recipe, load_recipe, recipe_names
from ticket_hub.types import Architecture

Layers: TypeAlias = list[tuple[str, int]]

# Weights of each layer, in the order of Frankle & Carbin 2019, figure 2.
LENET: Layers = [("fc", 784 * 300), ("fc", 300 * 100), ("output", 100 * 10)]
TAIL: Layers = [("fc", 256 * 256), ("output", 256 * 10)]


def convolutions(kind: str, *widths: int) -> Layers:
    return [(kind, 9 * a * b) for a, b in itertools.pairwise(widths)]


CONV2: Layers = [*convolutions("conv", 3, 64, 64), ("fc", 64 * 16 * 16 * 256), *TAIL]
CONV4: Layers = [
    *convolutions("conv", 3, 64, 64, 128, 128),
    ("fc", 128 * 8 * 8 * 256),
    *TAIL,
]
CONV6: Layers = [
    *convolutions("conv", 3, 64, 64, 128, 128, 256, 256),
    ("fc", 256 * 4 * 4 * 256),
    *TAIL,
]
RESNET20: Layers = [
    *convolutions("conv", 3, *[16] * 7, *[32] * 6, *[64] * 6),
    ("shortcut", 16 * 32),
    ("shortcut", 32 * 64),
    ("output", 64 * 10),
]
VGG19: Layers = [
    *convolutions("conv", 3, 64, 64, 128, 128, *[256] * 4, *[512] * 8),
    ("output", 512 * 10),
]
COUNTS = {
    "lenet-300-100": (LENET, 266_200),
    "conv-2": (CONV2, 4_300_992),
    "conv-4": (CONV4, 2_425_024),
    "conv-6": (CONV6, 2_261_184),
    "resnet-20": (RESNET20, 270_896),
    "vgg-19": (VGG19, 20_024_000),
}
LADDER = (
    "100 80.04 64.06 51.28 41.05 32.87 26.32 21.07 16.88 13.52 10.83 8.68 6.95 5.57 4.47 3.58 "
    "2.87 2.31 1.85 1.49 1.19"
)
SURVIVORS = (
    "266200 213060 170538 136511 109282 87490 70051 56094 44923 35981 28823 23093 18506 14834 "
    "11893 9537 7650 6139 4928 3958 3179"
)


@dataclass(frozen=True, kw_only=True)
class Row:
    """What a recipe must say; densities are round -> per cent, as printed."""

    recipe: str
    network: str
    iterations: int
    batch: int
    lr: float
    optimizer: str = "adam"
    dropout: float | None = None
    milestones: tuple[int, ...] = ()
    warmup: int = 0
    decay: float = 0.0
    rates: tuple[tuple[str, float], ...]
    levels: int
    densities: tuple[tuple[int, float], ...] = ()
    trials: int = 5
    rewind: str = "init"
    mode: str = "iterative"


FC = (("fc", 0.2), ("output", 0.1))
LENET_DENSITIES = tuple(enumerate(map(float, LADDER.split())))


def lenet(recipe: str, **changes: Any) -> Row:  # noqa: ANN401 - fields of Row
    return Row(
        recipe=recipe,
        network="lenet-300-100",
        iterations=50_000,
        batch=60,
        lr=1.2e-3,
        rates=FC,
        levels=20,
        densities=LENET_DENSITIES,
        **changes,
    )


def conv(depth: int, iterations: int, lr: float, dropout: float | None = None) -> Row:
    densities = {
        2: ((6, 26.47), (11, 8.81), (14, 4.57)),
        4: ((11, 11.06), (12, 9.18), (15, 5.37)),
        6: ((7, 26.61), (10, 15.29)),
    }
    return Row(
        recipe=f"conv{depth}-cifar10{'-dropout' if dropout else ''}",
        network=f"conv-{depth}",
        iterations=iterations,
        batch=60,
        lr=lr,
        dropout=dropout,
        rates=(("conv", 0.15 if depth == 6 else 0.1), *FC),
        levels={2: 18, 4: 22, 6: 22}[depth],
        densities=densities[depth],
    )


def resnet(suffix: str, lr: float, warmup: int = 0) -> Row:
    return Row(
        recipe=f"resnet18-cifar10{suffix}",
        network="resnet-20",
        iterations=30_000,
        batch=128,
        optimizer="sgd",
        lr=lr,
        milestones=(20_000, 25_000),
        warmup=warmup,
        decay=1e-4,
        rates=(("conv", 0.2), ("output", 0.0), ("shortcut", 0.0)),
        levels=14,
        densities=((4, 41.66), (6, 27.09), (7, 21.91), (10, 11.79)),
    )


def vgg(suffix: str, lr: float, warmup: int = 0) -> Row:
    return Row(
        recipe=f"vgg19-cifar10{suffix}",
        network="vgg-19",
        iterations=112_000,
        batch=64,
        optimizer="sgd",
        lr=lr,
        milestones=(56_000, 84_000),
        warmup=warmup,
        decay=1e-4,
        rates=(("conv", 0.2), ("output", 0.0)),
        levels=20,
        densities=((12, 6.90), (15, 3.54), (19, 1.47)),
    )


IMAGENET = {
    "resnet50-lr-rewind-imagenet": 90,
    "resnet50-rewind-imagenet": 90,
    "resnet50-rewind-imagenet-16": 16,
}
"""Renda, Frankle & Carbin 2020, and a form of it with fewer epochs."""

EPOCH = 45_000 // 128
REWIND = Row(
    recipe="resnet20-rewind-cifar10",
    network="resnet-20",
    iterations=182 * EPOCH,
    batch=128,
    optimizer="sgd",
    lr=0.1,
    milestones=(91 * EPOCH, 136 * EPOCH),
    decay=2e-4,
    rates=(("conv", 0.2), ("output", 0.0), ("shortcut", 0.2)),
    levels=10,
    trials=3,
    rewind=f"{12 * EPOCH}it",
)
LR_REWIND = replace(REWIND, recipe="resnet20-lr-rewind-cifar10", rewind="lr")
FINETUNE = replace(REWIND, recipe="resnet20-finetune-cifar10", rewind="none")
ROWS = [
    lenet("lenet-mnist"),
    lenet("lenet-mnist-oneshot", mode="one-shot"),
    lenet("lenet-mnist-noreset", rewind="none"),
    conv(2, 20_000, 2e-4),
    conv(4, 25_000, 3e-4),
    conv(6, 30_000, 3e-4),
    conv(2, 3 * 20_000, 3e-4, dropout=0.5),
    conv(4, 3 * 25_000, 2e-4, dropout=0.5),
    conv(6, 3 * 30_000, 2e-4, dropout=0.5),
    resnet("", 0.1),
    resnet("-low-lr", 0.01),
    resnet("-warmup", 0.03, warmup=20_000),
    vgg("", 0.1),
    vgg("-low-lr", 0.01),
    vgg("-warmup", 0.1, warmup=10_000),
    REWIND,
    LR_REWIND,
    FINETUNE,
]
OF_UNITS = {
    "densenet40-units-cifar10": "densenet-40",
    "mobilenetv1-units-cifar10": "mobilenet-v1",
    "resnet20-units-finetune-cifar10": "resnet-20",
    "simplenet-units-cifar10": "simplenet",
    "vgg14-units-cifar10": "vgg-14",
}
"""Recipes that drop units; their sizes are tested in `structured/test_sizes.py`."""
every_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row.recipe))


def ladder(recipe: Recipe, layers: Layers) -> list[int]:
    """Survivors by level, by the counts alone: `round(rate * kept)` go each round."""
    rates = recipe.pruning.rates
    kept = [size for _, size in layers]
    levels = [sum(kept)]
    for _ in range(recipe.search.levels):
        if recipe.pruning.scope == "global":
            competing = sum(n for (kind, _), n in zip(layers, kept, strict=True) if rates.get(kind))
            kept = [sum(kept) - competing, competing - round(max(rates.values()) * competing)]
            layers = [("none", 0), (next(iter(rates)), 0)]
        else:
            kept = [
                n - round(rates.get(kind, 0) * n) for (kind, _), n in zip(layers, kept, strict=True)
            ]
        levels.append(sum(kept))
    return levels


def test_every_packaged_recipe_is_in_the_table() -> None:
    others = ["digits-quick", "small-resnet-18-tiny-imagenet", *OF_UNITS, *IMAGENET]
    assert sorted([row.recipe for row in ROWS] + others) == recipe_names()


@pytest.mark.parametrize("name", IMAGENET)
def test_the_numbers_of_imagenet_are_those_of_renda(name: str) -> None:
    recipe = load_recipe(name)
    epoch = (1_281_167 - recipe.data.validation) // 1024
    training, epochs = recipe.training, IMAGENET[name]
    assert (training.iterations, training.batch_size) == (epochs * epoch, 1024)
    assert (training.lr, training.momentum, training.weight_decay) == (0.4, 0.9, 1e-4)
    assert training.evaluate_every == epoch
    assert recipe.pruning.scope == "global"
    assert recipe.pruning.rates == {"conv": 0.2, "shortcut": 0.2, "output": 0.0}
    rewound = {90: 9, 16: 2}[epochs]
    assert recipe.search.rewind in {f"{rewound * epoch}it", "lr"}
    if epochs == 90:
        assert training.milestones == (30 * epoch, 60 * epoch, 80 * epoch)
        assert training.warmup == 5 * epoch
        assert training.label_smoothing == 0
        densities = [round(0.8**level, 3) for level in range(recipe.search.levels + 1)]
        assert {0.512, 0.21, 0.107} <= set(densities)


@pytest.mark.parametrize("name", OF_UNITS)
def test_recipes_of_units_prune_and_go_on_from_the_trained_weights(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.network.name == OF_UNITS[name]
    assert (recipe.pruning.granularity, recipe.search.rewind) == ("unit", "none")
    if name == "resnet20-units-finetune-cifar10":
        assert recipe.training == load_recipe("resnet20-finetune-cifar10").training
        assert (recipe.pruning.mode, recipe.search.levels) == ("iterative", 5)
        assert dict(recipe.pruning.rates) == {"conv": 0.2, "shortcut": 0.2, "output": 0.0}
    else:
        training = recipe.training
        assert (training.iterations, training.batch_size) == (5 * (45_000 // 64), 64)
        assert (training.optimizer, training.lr, training.weight_decay) == ("adam", 1e-4, 2e-4)
        assert (recipe.pruning.mode, recipe.search.levels) == ("one-shot", 1)
        assert dict(recipe.pruning.rates) == {"conv": 0.5, "fc": 0.5, "output": 0.0}


@pytest.mark.parametrize("network", COUNTS)
def test_the_table_of_layers_has_the_exact_counts(network: str) -> None:
    layers, total = COUNTS[network]
    assert sum(size for _, size in layers) == total


@every_row
def test_the_network_is_built_and_has_the_layers_of_the_table(row: Row) -> None:
    recipe = load_recipe(row.recipe)
    shape = (1, 28, 28) if recipe.data.name == "mnist" else (3, 32, 32)
    architecture = Architecture(
        name=recipe.network.name,
        options=tuple(sorted(recipe.network.options.items())),
        channels=shape[0],
        height=shape[1],
        width=shape[2],
        classes=10,
    )
    with torch.device("meta"):
        layers = prunable_layers(build(architecture))
    expected, _ = COUNTS[row.network]
    assert sorted((layer.kind, layer.size) for layer in layers) == sorted(expected)


@every_row
def test_the_network_and_its_options_are_the_papers(row: Row) -> None:
    network = load_recipe(row.recipe).network
    assert network.name == row.network
    assert network.init == "glorot-normal"
    assert network.init_scale == 1
    assert dict(network.options) == ({"dropout": row.dropout} if row.dropout else {})


@every_row
def test_the_training_is_the_papers(row: Row) -> None:
    training = load_recipe(row.recipe).training
    assert (training.iterations, training.batch_size) == (row.iterations, row.batch)
    assert (training.optimizer, training.lr) == (row.optimizer, row.lr)
    assert training.momentum == (0.9 if row.optimizer == "sgd" else 0)
    assert not training.nesterov
    assert training.weight_decay == row.decay
    assert training.schedule == ("milestones" if row.milestones else "constant")
    assert (training.milestones, training.gamma) == (row.milestones, 0.1)
    assert training.warmup == row.warmup
    assert (training.evaluate_every, training.patience, training.test) == (100, 0, "curve")
    assert (training.precision, training.backend) == ("float32", "auto")


@every_row
def test_5000_examples_are_held_out_and_only_deep_networks_see_augmented_images(row: Row) -> None:
    data = load_recipe(row.recipe).data
    deep = row.network in {"resnet-20", "vgg-19"}
    assert data.name == ("mnist" if row.network.startswith("lenet") else "cifar10")
    assert (data.validation, data.size) == (5000, 0)
    assert (data.flip, data.crop) == ((True, 4) if deep else (False, 0))
    assert data.normalize == ("standard" if deep else "unit")


@every_row
def test_the_pruning_and_the_search_are_the_papers(row: Row) -> None:
    recipe = load_recipe(row.recipe)
    deep = row.network in {"resnet-20", "vgg-19"}
    assert recipe.pruning.criterion == "magnitude"
    assert recipe.pruning.scope == ("global" if deep else "layerwise")
    assert tuple(sorted(recipe.pruning.rates.items())) == tuple(sorted(row.rates))
    assert (recipe.pruning.mode, recipe.pruning.target_density) == (row.mode, None)
    search = recipe.search
    assert (search.levels, search.trials, search.rewind) == (row.levels, row.trials, row.rewind)
    assert (search.seed, search.stop_density, search.stop_below_dense) == (0, None, None)


@every_row
def test_every_kind_of_the_network_has_a_rate_be_it_0(row: Row) -> None:
    kinds = {kind for kind, _ in COUNTS[row.network][0]}
    assert kinds == set(load_recipe(row.recipe).pruning.rates)


@every_row
def test_the_ladder_passes_through_the_printed_densities(row: Row) -> None:
    layers, total = COUNTS[row.network]
    reached = [100 * kept / total for kept in ladder(load_recipe(row.recipe), layers)]
    for level, percent in row.densities:
        assert round(reached[level], 2) == percent


def test_lenet_keeps_exactly_the_survivors_of_the_paper() -> None:
    assert ladder(load_recipe("lenet-mnist"), LENET) == list(map(int, SURVIVORS.split()))


@pytest.mark.parametrize("name", ["conv2-cifar10", "conv4-cifar10", "conv6-cifar10"])
def test_conv_ladders_end_below_the_2_percent_down_to_which_tickets_win(name: str) -> None:
    layers, total = COUNTS[load_recipe(name).network.name]
    *_, before, last = ladder(load_recipe(name), layers)
    assert last / total < 0.02 <= before / total


def test_rewinding_prunes_convolutions_to_the_published_powers_of_0_8() -> None:
    kept = ladder(load_recipe("resnet20-rewind-cifar10"), RESNET20)
    for level, percent in [(3, 51.2), (7, 21.0), (8, 16.8), (10, 10.7)]:
        assert round(100 * (kept[level] - 640) / (270_896 - 640), 1) == percent
