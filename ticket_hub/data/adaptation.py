"""Fit a data set to a network that was made for other images: channels and size.

All arithmetic is on integers (in float64 where a matrix product is wanted, whose every sum stays
below 2**53 and so is exact), which makes the result the same on every device and library.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional

from ticket_hub.data.dataset import DataSet, Part
from ticket_hub.data.packed import PackedImages
from ticket_hub.data.preparation import moments
from ticket_hub.durable import canonical_json
from ticket_hub.errors import DataError
from ticket_hub.shapes import Float64, UInt8

__all__ = ["adapted", "resized"]

WEIGHT_BITS = 22  # 8 bits of a pixel and two times 22 bits of weight make 52
CHUNK = 1 << 23  # pixels held as float64 at a time: 64 MiB
LUMA = (19595, 38470, 7471)  # ITU-R 601 in units of 2**-16, as Pillow rounds it
COLOURS = 3


def adapted(data: DataSet, *, channels: int, height: int, width: int) -> DataSet:
    """The same examples as images of another shape, still uint8; converted once.

    Grey becomes colour by repetition, colour becomes grey by its ITU-R 601 luma, and sizes change
    as `resized` says; texts are cut or filled up to `width` words. The fingerprint becomes the
    sha256 over the old one and the new shape; a data set that already has the shape is returned as
    it is. With `normalize = "standard"` mean and std are measured again.

    Raises:
        DataError: no rule leads from its channels to these.
    """
    if data.input_shape == (channels, height, width):
        return data
    if data.kind != "images" and (data.kind, data.vocabulary, height) != ("tokens", channels, 1):
        remedy = "Use data that have what the network was made for: its columns, or texts."
        if data.input_shape[:2] == (channels, height):
            remedy += " A network that takes any length does so with `--images keep`."
        raise DataError(
            f"The examples of {data.spec.name} are {data.kind} of shape {data.input_shape}, and "
            f"the network takes {(channels, height, width)}.",
            remedy,
        )
    if isinstance(data.train.inputs, PackedImages):
        raise DataError(
            f"The pictures of {data.spec.name} on disk are {data.input_shape}, and the network "
            f"takes {(channels, height, width)}.",
            "Set data.size to the network's, or data.storage to 'memory'.",
        )
    train = _fitted(data.train, channels, height, width)
    mean, std = moments(data.spec, train)
    device = data.device
    identity = {"source": data.fingerprint, "adapted": [channels, height, width]}
    return replace(
        data,
        train=train,
        validation=_fitted(data.validation, channels, height, width),
        test=_fitted(data.test, channels, height, width),
        mean=mean.to(device),
        std=std.to(device),
        fingerprint=hashlib.sha256(canonical_json(identity)).hexdigest(),
    )


def resized(
    images: UInt8[Tensor, "batch channels height width"], height: int, width: int
) -> UInt8[Tensor, "batch channels new_height new_width"]:
    """Scale images with an antialiased triangle filter (bilinear when it enlarges).

    The filter is Pillow's BILINEAR; it is rounded once, at the end, half up.
    """
    if images.shape[2:] == (height, width):
        return images
    rows = _filter(images.shape[2], height).to(images.device)
    columns = _filter(images.shape[3], width).to(images.device).mT
    per_image = max(images[:1].numel(), images.shape[1] * height * width, 1)
    chunks = images.split(max(1, CHUNK // per_image))
    half = 2.0 ** (2 * WEIGHT_BITS - 1)
    scale = 2.0 ** (-2 * WEIGHT_BITS)
    return torch.cat(
        [
            (rows @ chunk.double() @ columns).add_(half).mul_(scale).floor_().to(torch.uint8)
            for chunk in chunks
        ]
    )


def _fitted(part: Part, channels: int, height: int, width: int) -> Part:
    images = part.inputs
    if part.kind == "tokens":  # cut, or filled up with what stands after the end
        return Part(inputs=functional.pad(images, [0, width - images.shape[3]]), labels=part.labels)
    if channels < images.shape[1]:  # do first what makes the rest cheaper
        images = resized(_converted(images, channels), height, width)
    else:
        images = _converted(resized(images, height, width), channels)
    return Part(inputs=images, labels=part.labels)


def _converted(images: Tensor, channels: int) -> Tensor:
    found = images.shape[1]
    if found == channels:
        return images
    if found == 1:
        return images.repeat(1, channels, 1, 1)
    if (found, channels) == (COLOURS, 1):
        red, green, blue = (images[:, [c]].int() * LUMA[c] for c in range(COLOURS))
        return ((red + green + blue + (1 << 15)) >> 16).to(torch.uint8)
    raise DataError(
        f"Images of {found} channels cannot be turned into images of {channels}.",
        "Use a network or a data set with one or three channels.",
    )


@functools.lru_cache(maxsize=32)
def _filter(source: int, target: int) -> Float64[Tensor, "target source"]:
    """Weights of every source pixel in every target pixel, in units of 2**-22; rows sum to one."""
    centers = (2 * torch.arange(target) + 1) * source  # in units of 1 / (2 * target) pixel
    places = (2 * torch.arange(source) + 1) * target
    reach = 2 * max(source, target)
    weights = (reach - (places - centers[:, None]).abs()).clamp(min=0)
    one = 1 << WEIGHT_BITS
    whole = weights * one // weights.sum(1, keepdim=True)
    whole[torch.arange(target), weights.argmax(1)] += one - whole.sum(1)
    return whole.double()
