"""A data set: examples on the device as they are read, split once, named by a fingerprint."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from ticket_hub.recipe import DataSpec
from ticket_hub.shapes import Float, Int64, Shaped

__all__ = [
    "DataSet",
    "InputKind",
    "Part",
    "Published",
    "normalized",
]

InputKind: TypeAlias = Literal["images", "features", "tokens"]
"""What examples are: uint8 pixels, float32 numbers, or int64 numbers of words."""


_KINDS: dict[torch.dtype, InputKind] = {
    torch.uint8: "images",
    torch.float32: "features",
    torch.int64: "tokens",
}


@dataclass(frozen=True, kw_only=True, eq=False, init=False)
class Part:
    """One part of a data set.

    Rows of a table are images of one pixel, with a channel for each column. A text is an image of
    one row: the numbers of its words, and 0 after its end.

    Shapes:
        `inputs`: `(examples, channels, height, width)`, uint8 pixels or float32 numbers; of texts
        int64 `(examples, 1, 1, length)`. `labels`: int64 `(examples,)`.
    """

    inputs: Shaped[Tensor, "examples channels height width"]
    labels: Int64[Tensor, " examples"]

    def __init__(
        self,
        *,
        labels: Int64[Tensor, " examples"],
        inputs: Shaped[Tensor, "examples channels height width"] | None = None,
        images: Shaped[Tensor, "examples channels height width"] | None = None,
    ) -> None:
        """Take the inputs by either name: pixels are called `images`, too.

        Raises:
            TypeError: neither is given, or both.
        """
        if (inputs is None) == (images is None):
            raise TypeError("A part takes `inputs`, which may be called `images`, once.")
        object.__setattr__(self, "inputs", images if inputs is None else inputs)
        object.__setattr__(self, "labels", labels)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def kind(self) -> InputKind:
        """What the examples are."""
        return _KINDS[self.inputs.dtype]

    @property
    def images(self) -> Shaped[Tensor, "examples channels height width"]:
        """The inputs, by the name that they have where they are pixels."""
        return self.inputs

    def take(self, indices: Int64[Tensor, " chosen"]) -> Part:
        """Some of the examples, in the order of the indices."""
        return Part(inputs=self.inputs[indices], labels=self.labels[indices])

    def to(self, device: str | torch.device) -> Part:
        """The same part on another device."""
        return Part(inputs=self.inputs.to(device), labels=self.labels.to(device))


@dataclass(frozen=True, kw_only=True, eq=False)
class DataSet:
    """Training, validation and test part of one data set, prepared as a recipe says.

    Attributes:
        spec: what was asked for.
        classes: number of classes.
        mean, std: float32 `(channels,)`, of pixels in units of [0, 1]; what `normalized` uses.
        fingerprint: sha256 over examples, labels and split; of pictures on disk over their encoded
            bytes and the versions of what decodes them.
        class_names: in the order of the labels; empty if they have none.
        vocabulary: of texts: how many numbers their words have, with 0; of others 0.
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
    vocabulary: int = 0
    notes: tuple[str, ...] = ()

    @property
    def kind(self) -> InputKind:
        """What the examples are."""
        return self.train.kind

    @property
    def device(self) -> torch.device:
        """Where the examples are."""
        return self.train.inputs.device

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """`(channels, height, width)` of one example.

        The channels of texts are as many as there are words: an example is the short form of an
        image that has a 1 in the channel of each place's word.
        """
        _, channels, height, width = self.train.inputs.shape
        return (self.vocabulary or channels, height, width)

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
        vocabulary: of texts: how many numbers their words have, with 0; of others 0.
        notes: what is to be known of it; sentences.
    """

    train: Part
    test: Part
    classes: int
    validation: Part | None = None
    class_names: tuple[str, ...] = ()
    vocabulary: int = 0
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
    inputs: Shaped[Tensor, "*batch channels height width"], data: DataSet
) -> Shaped[Tensor, "*batch channels height width"]:
    """Examples as a network takes them; several members' may be stacked on leading axes.

    Pixels become float32, divided by 255; with `normalize = "standard"` pixels and numbers are
    shifted and scaled by the data set's mean and std. Numbers of words stay as they are.
    """
    if data.kind == "tokens":
        return inputs
    values = inputs.to(torch.float32, copy=True)
    if data.kind == "images":
        values.div_(255)
    if data.spec.normalize == "unit":
        return values
    return values.sub_(data.mean.view(-1, 1, 1)).div_(data.std.view(-1, 1, 1))
