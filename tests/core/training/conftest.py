from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from ticket_hub.data import DataSet, load
from ticket_hub.data.dataset import Part
from ticket_hub.networks import build, initialize, prunable_layers
from ticket_hub.recipe import DataSpec, NetworkSpec, TrainingSpec
from ticket_hub.training import Member, Trained
from ticket_hub.types import Architecture, Mask


def _cut(part: Part, size: int) -> Part:
    return Part(images=part.images[:size], labels=part.labels[:size])


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    """scikit-learn's digits, standardized, 300 examples to validate and 300 to test."""
    spec = DataSpec(name="digits", normalize="standard", validation=300)
    return load(spec, tmp_path_factory.mktemp("none"))


@pytest.fixture(scope="session")
def colours() -> DataSet:
    """A few random colour images of 8 by 8 pixels, whose brightest third tells the class."""
    generator = torch.Generator().manual_seed(3)
    parts = []
    for size in (192, 40, 40):
        images = torch.randint(0, 200, (size, 3, 8, 8), generator=generator, dtype=torch.uint8)
        labels = torch.arange(size) % 3
        images[torch.arange(size), labels] += 55
        parts.append(Part(images=images, labels=labels))
    return DataSet(
        spec=DataSpec(name="colours", validation=40),
        train=parts[0],
        validation=parts[1],
        test=parts[2],
        classes=3,
        mean=torch.zeros(3),
        std=torch.ones(3),
        fingerprint="colours",
    )


@pytest.fixture(scope="session")
def network() -> Callable[..., Architecture]:
    """An architecture for a data set."""

    def of(data: DataSet, name: str, **options: float) -> Architecture:
        channels, height, width = data.input_shape
        return Architecture(
            name=name,
            options=tuple(sorted(options.items())),
            channels=channels,
            height=height,
            width=width,
            classes=data.classes,
        )

    return of


@pytest.fixture(scope="session")
def population() -> Callable[..., list[Member]]:
    """Members with own weights and masks of about the given density."""

    def of(
        architecture: Architecture, count: int, density: float = 0.5, start: int = 0
    ) -> list[Member]:
        return [_member(architecture, seed, density, start) for seed in range(count)]

    return of


def _member(architecture: Architecture, seed: int, density: float, start: int) -> Member:
    module = build(architecture)
    generator = torch.Generator().manual_seed(seed)
    mask: Mask = {
        layer.name: torch.rand(layer.shape, generator=generator) < density
        for layer in prunable_layers(module)
    }
    return Member(
        name=f"trial-{seed}",
        seed=seed,
        level=1,
        weights=initialize(architecture, NetworkSpec(name=architecture.name), seed),
        mask=mask,
        start=start,
    )


@pytest.fixture(scope="session")
def spec() -> Callable[..., TrainingSpec]:
    """A short training; any field may be given."""

    def of(**fields: object) -> TrainingSpec:
        base: dict[str, object] = {
            "iterations": 40,
            "batch_size": 16,
            "optimizer": "adam",
            "lr": 1e-2,
            "evaluate_every": 10,
        }
        return TrainingSpec(**{**base, **fields})  # type: ignore[arg-type]

    return of


@pytest.fixture(scope="session")
def same() -> Callable[[Trained, Trained], None]:
    """Assert that two results agree in every bit."""

    def check(one: Trained, other: Trained) -> None:
        assert one.weights.keys() == other.weights.keys()
        for name, value in one.weights.items():
            assert torch.equal(value, other.weights[name]), name
        for field in ("iterations", "validation_loss", "validation_accuracy", "test_loss"):
            left, right = getattr(one.curves, field), getattr(other.curves, field)
            assert torch.equal(left.nan_to_num(-1), right.nan_to_num(-1)), field
        assert one.iterations == other.iterations
        assert one.backend == other.backend

    return check
