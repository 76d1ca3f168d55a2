from __future__ import annotations

import pytest
import torch

from ticket_hub.data import DataSet, load
from ticket_hub.data.dataset import Part
from ticket_hub.recipe import DataSpec


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
        parts.append(Part(inputs=images, labels=labels))
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
