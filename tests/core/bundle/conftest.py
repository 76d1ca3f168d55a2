from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ticket_hub.bundle import (
    BundleContent,
    DataRecord,
    LevelContent,
    TrialContent,
    write_bundle,
)
from ticket_hub.networks import initialize, outline
from ticket_hub.pruning.masks import full_mask
from ticket_hub.recipe import Recipe, load_recipe
from ticket_hub.seeds import derive_seed
from ticket_hub.training import Curves
from ticket_hub.types import Architecture

ARCHITECTURE = Architecture(name="lenet-5-3", channels=1, height=4, width=4, classes=3)


def recipe(levels: int = 4, trials: int = 2) -> Recipe:
    changes = {
        "network.name": ARCHITECTURE.name,
        "training.iterations": 80,
        "training.evaluate_every": 20,
        "search.levels": levels,
        "search.trials": trials,
    }
    return load_recipe("digits-quick").replace(changes)


def curves(seed: int, accuracy: float) -> Curves:
    """Readings with a minimum of the validation loss in their middle."""
    generator = torch.Generator().manual_seed(derive_seed(seed, "curves"))
    noise = torch.rand(5, generator=generator, dtype=torch.float64) / 100
    slope = torch.tensor([2.0, 1.0, 0.5, 0.7, 0.9], dtype=torch.float64)
    return Curves(
        iterations=torch.arange(5) * 20,
        validation_loss=slope + noise,
        validation_accuracy=1 - slope / 3,
        test_loss=slope + 2 * noise,
        test_accuracy=torch.full((5,), accuracy, dtype=torch.float64) + noise / 10,
    )


def halved(mask: dict[str, Tensor], seed: int) -> dict[str, Tensor]:
    """Keep about half of what a mask keeps."""
    generator = torch.Generator().manual_seed(derive_seed(seed, "halved"))
    return {
        name: keep & (torch.rand(keep.shape, generator=generator) < 0.5)
        for name, keep in mask.items()
    }


def make_content(
    *, levels: int = 4, trials: int = 2, accuracies: tuple[float, ...] = (0.9, 0.9, 0.9, 0.5)
) -> BundleContent:
    masks = [full_mask(outline(ARCHITECTURE).layers) for _ in range(trials)]
    rounds = []
    for level in range(levels):
        rounds.append(
            LevelContent(
                index=level,
                masks=tuple(masks),
                curves=tuple(
                    curves(100 * level + t, accuracies[level % len(accuracies)])
                    for t in range(trials)
                ),
                backends=("plain",) * trials,
            )
        )
        masks = [halved(mask, 1000 * level + trial) for trial, mask in enumerate(masks)]
    return BundleContent(
        recipe=recipe(levels, trials),
        architecture=ARCHITECTURE,
        data=DataRecord(name="digits", fingerprint="0" * 64, mean=(0.0,), std=(1.0,)),
        environment={"torch": "2.13.0"},
        trials=tuple(
            TrialContent(index=t, seed=t, theta0=initialize(ARCHITECTURE, recipe().network, t))
            for t in range(trials)
        ),
        levels=tuple(rounds),
    )


@pytest.fixture
def content() -> BundleContent:
    return make_content()


@pytest.fixture
def contents() -> Callable[..., BundleContent]:
    return make_content


@pytest.fixture(scope="session")
def written_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("written") / "bundle"
    write_bundle(folder, make_content())
    return folder


@pytest.fixture
def bundle(tmp_path: Path, written_bundle: Path) -> Path:
    """The bundle of `content`, to do anything with."""
    return Path(shutil.copytree(written_bundle, tmp_path / "bundle"))
