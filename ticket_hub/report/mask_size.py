"""How large the picture of a mask is, by the shapes of its layers: it imports nothing slow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["GAP", "LARGE", "LINE", "ROW", "SMALL", "STRIP", "Image", "Layers", "picture_size",
           "plan_of", "side_of"]  # fmt: skip

Image = tuple[int, int, int]
"""Channels, height and width of what the network looks at."""
Layers = Sequence[tuple[str, Sequence[int]]]
"""Name and shape of each prunable layer, in the network's order."""

MAX_STRIPS = 24
LARGE, SMALL, GAP = 112, 52, 4  # sides of images, and what is between them
LINE, STRIP, ROW = 16, 12, 36  # heights of a line of text, a strip, and both with a margin


@dataclass(frozen=True)
class DrawnParts:
    """What is drawn as images, and what as strips.

    Attributes:
        images: whether the first layer is.
        strips: places of the layers that are strips.
        rest: how many layers are not drawn.
    """

    images: bool
    strips: tuple[int, ...]
    rest: int

    @property
    def height(self) -> int:
        """Of the whole picture."""
        top = LINE + LARGE + 2 * GAP if self.images else 0
        return top + ROW * len(self.strips) + LINE * bool(self.rest)


def picture_size(layers: Layers, image: Image, width: int) -> tuple[int, int]:
    """Width and height that `mask_picture` will have."""
    return width, plan_of(layers, image).height


def plan_of(layers: Layers, image: Image) -> DrawnParts:
    """How the picture of these layers is made up."""
    images = bool(layers) and side_of(layers[0][1], image) is not None
    others = range(int(images), len(layers))
    return DrawnParts(images, tuple(others[:MAX_STRIPS]), max(0, len(others) - MAX_STRIPS))


def side_of(shape: Sequence[int], image: Image) -> tuple[int, int] | None:
    """Height and width of what a unit of the first layer looks at; None where that is no image."""
    channels, height, width = image
    if len(shape) == 2 and shape[1] == channels * height * width and min(height, width) > 1:  # noqa: PLR2004
        return height, width
    if len(shape) == 4 and min(shape[2:]) > 1:  # noqa: PLR2004 - convolution
        return shape[2], shape[3]
    return None
