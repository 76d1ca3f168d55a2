"""A data set of what its authors publish: examples held out, moments, and the fingerprint."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import torch
from torch import Tensor

from ticket_hub.data.dataset import DataSet, Part
from ticket_hub.data.packed import PackedImages
from ticket_hub.durable import canonical_json
from ticket_hub.errors import DataError
from ticket_hub.recipe import DataSpec
from ticket_hub.seeds import derive_seed

__all__ = [
    "CHUNK",
    "moments",
    "split",
]


CHUNK = 4096
"""Images whose pixels are counted at a time."""


def split(
    spec: DataSpec,
    published: Part,
    test: Part,
    classes: int,
    *,
    validation: Part | None = None,
    class_names: tuple[str, ...] = (),
    vocabulary: int = 0,
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
        identity = [published.inputs, published.labels, test.inputs, test.labels, held]
    else:
        train, kept = published, validation
        parts = (published, test, validation)
        identity = [tensor for part in parts for tensor in (part.inputs, part.labels)]
    mean, std = moments(spec, train)
    return DataSet(
        spec=spec,
        train=train,
        validation=kept,
        test=test,
        classes=classes,
        mean=mean,
        std=std,
        fingerprint=_fingerprint(identity, classes, vocabulary),
        class_names=class_names,
        vocabulary=vocabulary,
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
    """Mean and std by which `spec` normalizes: float32 `(channels,)`, of pixels in [0, 1].

    A channel without any contrast gets a std of 1, so that it becomes 0 and not infinite. Of a
    source with another number of channels, grey takes the mean of the colours, and they take it.

    Raises:
        DataError: what the recipe says of the source is for another number of channels.
    """
    channels = train.inputs.shape[1]
    if spec.normalize == "unit" or train.kind == "tokens":
        return torch.zeros(channels), torch.ones(channels)
    if spec.normalize == "source":
        return _per_channel(spec, spec.mean, channels), _per_channel(spec, spec.std, channels)
    if train.kind == "features":
        return _moments_of_numbers(train.inputs.cpu())
    values = torch.arange(256, dtype=torch.float64) / 255
    means, stds = [], []
    # How often each channel has each of the 256 values: int64 `(channels, 256)`.
    images = train.inputs.cpu()
    total = torch.zeros(images.shape[1], 256, dtype=torch.int64)
    for some in images.split(CHUNK):
        pixels = some.index_select(0, torch.arange(len(some)))  # those on disk are decoded once
        for channel in range(images.shape[1]):
            total[channel] += torch.bincount(pixels[:, channel].flatten().int(), minlength=256)
    for counts in total.double():
        mean = (counts * values).sum() / counts.sum()
        means.append(mean)
        std = ((counts * (values - mean) ** 2).sum() / counts.sum()).sqrt()
        stds.append(torch.where(std > 0, std, 1.0))
    return torch.stack(means).float(), torch.stack(stds).float()


def _per_channel(spec: DataSpec, given: tuple[float, ...], channels: int) -> Tensor:
    values = torch.tensor(given, dtype=torch.float32)
    if len(given) != channels and given and 1 in {len(given), channels}:
        values = values.mean().expand(channels).clone()
    if len(values) != channels:
        raise DataError(
            f"data.normalize is 'source', with {len(given)} numbers in data.mean, and {spec.name} "
            f"has {channels} channels.",
            "Give data.mean and data.std for each channel, or set data.normalize to 'unit'.",
        )
    return values


def _moments_of_numbers(numbers: Tensor) -> tuple[Tensor, Tensor]:
    means, stds = [], []
    for column in numbers.transpose(0, 1):
        std, mean = torch.std_mean(column.double(), correction=0)
        means.append(mean)
        stds.append(torch.where(std > 0, std, 1.0))
    return torch.stack(means).float(), torch.stack(stds).float()


def _fingerprint(tensors: Iterable[Tensor], classes: int, vocabulary: int) -> str:
    digest = hashlib.sha256()
    for values in tensors:
        digest.update(canonical_json([list(values.shape), str(values.dtype), classes]))
        if isinstance(values, PackedImages):
            digest.update(values.identity)
            continue
        digest.update(values.contiguous().numpy().data)
    if vocabulary:
        digest.update(canonical_json(vocabulary))
    return digest.hexdigest()
