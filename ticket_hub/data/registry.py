"""Data sets by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import torch

from ticket_hub.data.dataset import DataSet, Part, split
from ticket_hub.errors import DataNotFoundError
from ticket_hub.recipe import DataSpec
from ticket_hub.vision import import_with_torchvision

__all__ = ["data_names", "load"]

Source: TypeAlias = Callable[[Path], tuple[Part, Part, int]]


def _mnist(root: Path) -> tuple[Part, Part, int]:
    sets = import_with_torchvision("torchvision.datasets")
    parts = []
    for train in (True, False):
        published = sets.MNIST(str(root), train=train, download=False)
        parts.append(Part(images=published.data.unsqueeze(1), labels=published.targets.long()))
    return parts[0], parts[1], 10


def _digits(root: Path) -> tuple[Part, Part, int]:
    from sklearn.datasets import load_digits

    del root
    published = load_digits()
    images = torch.from_numpy(published.images * 255 / 16).round().to(torch.uint8).unsqueeze(1)
    labels = torch.from_numpy(published.target).long()
    test = torch.arange(len(labels)) % 5 == 0
    return (
        Part(images=images[~test], labels=labels[~test]),
        Part(images=images[test], labels=labels[test]),
        10,
    )


_SOURCES: dict[str, Source] = {"mnist": _mnist, "digits": _digits}


def data_names() -> list[str]:
    """The names of the data sets, sorted."""
    return sorted(_SOURCES)


def load(spec: DataSpec, data_dir: Path) -> DataSet:
    """Read a data set from disk, on the CPU.

    Raises:
        DataNotFoundError: there is no such data set, or it is not on disk.
    """
    if spec.name not in _SOURCES:
        raise DataNotFoundError(
            f"There is no data set {spec.name!r}.", f"There are {', '.join(data_names())}."
        )
    published, test, classes = _SOURCES[spec.name](data_dir)
    return split(spec, published, test, classes)
