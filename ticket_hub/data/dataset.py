"""A data set: uint8 images on the device, split once, named by a fingerprint."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ticket_hub.durable import canonical_json
from ticket_hub.errors import DataError
from ticket_hub.recipe import DataSpec
from ticket_hub.seeds import derive_seed
from ticket_hub.shapes import Float, Int64, UInt8

__all__ = ["DataSet", "Part", "Published", "moments", "normalized", "split"]


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

    def take(self, indices: Int64[Tensor, " chosen"]) -> Part:
        """Some of the examples, in the order of the indices."""
        return Part(images=self.images[indices], labels=self.labels[indices])

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
        class_names: in the order of the labels; empty if they have none.
        notes: what is to be known of it, such as files that were left out; sentences.
    """

    spec: DataSpec
    train: Part
    validation: Part
    test: Part
    classes: int
    mean: Float[Tensor, " channels"]
    std: Float[Tensor, " channels"]
    fingerprint: str
    class_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """`(channels, height, width)` of one image."""
        _, channels, height, width = self.train.images.shape
        return (channels, height, width)

    def to(self, device: str | torch.device) -> DataSet:
        """The same data set on another device."""
        return replace(
            self,
            train=self.train.to(device),
            validation=self.validation.to(device),
            test=self.test.to(device),
            mean=self.mean.to(device),
            std=self.std.to(device),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Published:
    """A data set as its authors give it.

    Attributes:
        validation: None where the authors hold nothing out.
        class_names: in the order of the labels; empty if they have none.
        notes: what is to be known of it; sentences.
    """

    train: Part
    test: Part
    classes: int
    validation: Part | None = None
    class_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def map(self, change: Callable[[Part], Part]) -> Published:
        """The same change to every part."""
        held = self.validation
        return replace(
            self,
            train=change(self.train),
            test=change(self.test),
            validation=None if held is None else change(held),
        )


def normalized(
    images: UInt8[Tensor, "*batch channels height width"], data: DataSet
) -> Float[Tensor, "*batch channels height width"]:
    """Pixels as float32: divided by 255, then shifted and scaled by the data set's mean and std.

    Images of several members may be stacked on leading axes.
    """
    scaled = images.to(torch.float32).div_(255)
    if data.spec.normalize == "unit":
        return scaled
    return scaled.sub_(data.mean.view(-1, 1, 1)).div_(data.std.view(-1, 1, 1))


def split(
    spec: DataSpec,
    published: Part,
    test: Part,
    classes: int,
    *,
    validation: Part | None = None,
    class_names: tuple[str, ...] = (),
) -> DataSet:
    """Hold out validation examples by seed, measure mean and std, and take the fingerprint.

    Where the authors give a validation part of their own, that is taken, whatever
    `spec.validation` says, and nothing is held out.

    Raises:
        DataError: fewer examples than are to be held out.
    """
    if validation is None:
        rest, held = _drawn(spec, len(published))
        train, kept = published.take(rest), published.take(held)
        identity = [published.images, published.labels, test.images, test.labels, held]
    else:
        train, kept = published, validation
        parts = (published, test, validation)
        identity = [tensor for part in parts for tensor in (part.images, part.labels)]
    mean, std = moments(spec, train)
    return DataSet(
        spec=spec,
        train=train,
        validation=kept,
        test=test,
        classes=classes,
        mean=mean,
        std=std,
        fingerprint=_fingerprint(identity, classes),
        class_names=class_names,
    )


def _drawn(spec: DataSpec, examples: int) -> tuple[Tensor, Tensor]:
    if spec.validation >= examples:
        raise DataError(
            f"{spec.name} has {examples} training examples, so {spec.validation} of them "
            "cannot be held out.",
            "Set data.validation to a smaller number.",
        )
    generator = torch.Generator().manual_seed(derive_seed(spec.split_seed, "validation"))
    order = torch.randperm(examples, generator=generator)
    return order[spec.validation :].sort()[0], order[: spec.validation].sort()[0]


def moments(spec: DataSpec, train: Part) -> tuple[Tensor, Tensor]:
    """Mean and std by which `spec` normalizes: float32 `(channels,)`, in units of [0, 1].

    A channel without any contrast gets a std of 1, so that it becomes 0 and not infinite.
    """
    channels = train.images.shape[1]
    if spec.normalize == "unit":
        return torch.zeros(channels), torch.ones(channels)
    return _moments(train.images.cpu())


def _moments(images: Tensor) -> tuple[Tensor, Tensor]:
    values = torch.arange(256, dtype=torch.float64) / 255
    means, stds = [], []
    for channel in range(images.shape[1]):
        counts = torch.bincount(images[:, channel].flatten().int(), minlength=256).double()
        mean = (counts * values).sum() / counts.sum()
        means.append(mean)
        std = ((counts * (values - mean) ** 2).sum() / counts.sum()).sqrt()
        stds.append(torch.where(std > 0, std, 1.0))
    return torch.stack(means).float(), torch.stack(stds).float()


def _fingerprint(tensors: Iterable[Tensor], classes: int) -> str:
    digest = hashlib.sha256()
    for values in tensors:
        digest.update(canonical_json([list(values.shape), str(values.dtype), classes]))
        digest.update(values.contiguous().numpy().data)
    return digest.hexdigest()
