"""A data set: uint8 images on the device, split once, named by a fingerprint."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from ticket_hub.durable import canonical_json
from ticket_hub.errors import DataError
from ticket_hub.recipe import DataSpec
from ticket_hub.types import derive_seed

__all__ = ["DataSet", "Part", "normalized", "split"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """One part of a data set.

    Shapes:
        `images`: uint8 `(examples, channels, height, width)`; `labels`: int64 `(examples,)`.
    """

    images: UInt8[Tensor, "examples channels height width"]
    labels: Int64[Tensor, " examples"]

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: str | torch.device) -> Part:
        """The same part on another device."""
        return Part(images=self.images.to(device), labels=self.labels.to(device))


@dataclass(frozen=True, kw_only=True, eq=False)
class DataSet:
    """Training, validation and test part of one data set, prepared as a recipe says.

    Attributes:
        spec: what was asked for.
        classes: number of classes.
        mean, std: float32 `(channels,)`, in units of [0, 1]; what `normalized` uses.
        fingerprint: sha256 over pixels, labels and split.
    """

    spec: DataSpec
    train: Part
    validation: Part
    test: Part
    classes: int
    mean: Float[Tensor, " channels"]
    std: Float[Tensor, " channels"]
    fingerprint: str

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """`(channels, height, width)` of one image."""
        _, channels, height, width = self.train.images.shape
        return (channels, height, width)

    def to(self, device: str | torch.device) -> DataSet:
        """The same data set on another device."""
        return DataSet(
            spec=self.spec,
            train=self.train.to(device),
            validation=self.validation.to(device),
            test=self.test.to(device),
            classes=self.classes,
            mean=self.mean.to(device),
            std=self.std.to(device),
            fingerprint=self.fingerprint,
        )


def normalized(
    images: UInt8[Tensor, "batch channels height width"], data: DataSet
) -> Float[Tensor, "batch channels height width"]:
    """Pixels as float32: divided by 255, then shifted and scaled by the data set's mean and std."""
    scaled = images.to(torch.float32).div_(255)
    if data.spec.normalize == "unit":
        return scaled
    return scaled.sub_(data.mean.view(1, -1, 1, 1)).div_(data.std.view(1, -1, 1, 1))


def split(spec: DataSpec, published: Part, test: Part, classes: int) -> DataSet:
    """Hold out validation examples by seed, measure mean and std, and take the fingerprint.

    Raises:
        DataError: fewer examples than are to be held out.
    """
    if spec.validation >= len(published):
        raise DataError(
            f"{spec.name} has {len(published)} training examples, so {spec.validation} of them "
            "cannot be held out.",
            "Set data.validation to a smaller number.",
        )
    generator = torch.Generator().manual_seed(derive_seed(spec.split_seed, "validation"))
    order = torch.randperm(len(published), generator=generator)
    held, rest = order[: spec.validation].sort()[0], order[spec.validation :].sort()[0]
    train = Part(images=published.images[rest], labels=published.labels[rest])
    validation = Part(images=published.images[held], labels=published.labels[held])
    if spec.normalize == "unit":
        mean, std = torch.zeros(train.images.shape[1]), torch.ones(train.images.shape[1])
    else:
        mean, std = _moments(train.images)
    return DataSet(
        spec=spec,
        train=train,
        validation=validation,
        test=test,
        classes=classes,
        mean=mean,
        std=std,
        fingerprint=_fingerprint(published, test, held, classes),
    )


def _moments(images: Tensor) -> tuple[Tensor, Tensor]:
    values = torch.arange(256, dtype=torch.float64) / 255
    means, stds = [], []
    for channel in range(images.shape[1]):
        counts = torch.bincount(images[:, channel].flatten().int(), minlength=256).double()
        mean = (counts * values).sum() / counts.sum()
        means.append(mean)
        stds.append(((counts * (values - mean) ** 2).sum() / counts.sum()).sqrt())
    return torch.stack(means).float(), torch.stack(stds).float()


def _fingerprint(published: Part, test: Part, held: Tensor, classes: int) -> str:
    digest = hashlib.sha256()
    for values in (published.images, published.labels, test.images, test.labels, held):
        digest.update(canonical_json([list(values.shape), str(values.dtype), classes]))
        digest.update(values.contiguous().numpy().tobytes())
    return digest.hexdigest()
