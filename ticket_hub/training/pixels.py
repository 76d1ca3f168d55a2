"""Normalized pixels, computed once and kept where there is room; parts cut into slices."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from ticket_hub.data import DataSet, PackedImages, Part, is_augmented, normalized
from ticket_hub.shapes import Int64, Shaped

__all__ = ["batches", "cut", "floats", "keep_floats", "kept_floats"]

KEPT_FLOATS = {"cpu": 256 * 2**20, "cuda": 2**30}
"""Bytes of normalized pixels that are kept for one part of a data set, by device. On a CPU all
worker processes share them."""

_floats: WeakKeyDictionary[Part, Tensor] = WeakKeyDictionary()
_cuts: WeakKeyDictionary[Part, tuple[Part, ...]] = WeakKeyDictionary()
_origins: WeakKeyDictionary[Part, tuple[weakref.ref[Part], int]] = WeakKeyDictionary()


def kept_floats(part: Part, data: DataSet) -> int:
    """Bytes that `floats` keeps of a part: 0 where they would be too many or never be used."""
    if part.kind == "tokens" or isinstance(part.inputs, PackedImages):
        return 0
    size = part.inputs.numel() * 4
    changing = part is data.train and is_augmented(data.spec)
    return 0 if changing or size > KEPT_FLOATS.get(part.inputs.device.type, 0) else size


def keep_floats(part: Part, values: Shaped[Tensor, "examples channels height width"]) -> None:
    """Let `floats` give these values, which another process has computed."""
    _floats[part] = values


def floats(part: Part, data: DataSet) -> Shaped[Tensor, "examples channels height width"]:
    """All pixels of a part, normalized; kept as long as the part lives, where it is small.

    A slice that `cut` made has its share of what is kept of the whole part.
    """
    whole, first = _origin(part)
    if not kept_floats(whole, data):
        return normalized(part.inputs, data)
    if whole not in _floats:
        # What is kept outlives this reading, and autograd refuses tensors made in inference mode.
        with torch.inference_mode(mode=False):
            _floats[whole] = normalized(whole.inputs, data)
    return _floats[whole][first : first + len(part)]


def batches(
    part: Part, data: DataSet, size: int, first: int = 0, every: int = 1
) -> Iterator[tuple[Tensor, Int64[Tensor, " batch"]]]:
    """A part in batches, or every so many of them: normalized pixels, and labels.

    Of pictures that lie on disk, threads decode one batch while the one before is read.
    """
    labels = part.labels.split(size)[first::every]
    images = part.inputs
    if not isinstance(images, PackedImages):
        yield from zip(floats(part, data).split(size)[first::every], labels, strict=True)
        return
    pieces = images.batches(size)[first::every]
    begun = [piece.begin() for piece in pieces[:1]]
    for place, answers in enumerate(labels, start=1):
        begun += [piece.begin() for piece in pieces[place : place + 1]]
        yield normalized(begun.pop(0).result().to(images.device), data), answers


def cut(part: Part, examples: int) -> tuple[Part, ...]:
    """A part in slices of so many examples: the same objects for the same part."""
    known = _cuts.get(part)
    if known is None or len(known[0]) != min(examples, len(part)):
        known = tuple(
            Part(inputs=images, labels=labels)
            for images, labels in zip(
                part.inputs.split(examples), part.labels.split(examples), strict=True
            )
        )
        _cuts[part] = known
        for index, piece in enumerate(known):
            # Weakly: through both dictionaries, part and slices would keep each other alive for
            # ever.
            _origins[piece] = (weakref.ref(part), index * examples)
    return known


def _origin(part: Part) -> tuple[Part, int]:
    """The part that this one is a slice of, and where it begins; itself if it is none."""
    reference, first = _origins.get(part, (None, 0))
    whole = None if reference is None else reference()
    return (part, 0) if whole is None else (whole, first)
