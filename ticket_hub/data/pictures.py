"""Single pictures of any size and mode, to one tensor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ticket_hub.data.adaptation import resized
from ticket_hub.errors import DataError
from ticket_hub.shapes import UInt8

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["pixels", "stacked"]


def pixels(image: Image, size: int) -> UInt8[Tensor, "channels height width"]:
    """One picture: grey as one channel, everything else as red, green and blue.

    Args:
        size: of the square it is scaled to (without keeping its aspect); 0 keeps it.

    Raises:
        ValueError: it has more than 8 bits a channel.
    """
    if image.mode.startswith(("I", "F")):
        raise ValueError(f"it has more than 8 bits a channel (mode {image.mode})")
    grey = image.mode in {"1", "L"}
    values = np.array(image.convert("L" if grey else "RGB"))
    tensor = torch.from_numpy(values[None] if grey else values.transpose(2, 0, 1).copy())
    return resized(tensor[None], size, size)[0] if size else tensor


def stacked(
    pictures: Iterable[Tensor], source: str
) -> UInt8[Tensor, "batch channels height width"]:
    """Pictures of one size as one tensor; grey ones become colour if any is in colour.

    Raises:
        DataError: there is none, or their sizes differ.
    """
    found = list(pictures)
    sizes = sorted({tuple(picture.shape[1:]) for picture in found})
    if not sizes:
        raise DataError(f"{source} holds no images.", "Check the path.")
    if len(sizes) > 1:
        shown = ", ".join(f"{width}x{height}" for height, width in sizes[:3])
        raise DataError(
            f"The images of {source} have {len(sizes)} different sizes (such as {shown}).",
            "Set data.size to the side that all are to be scaled to.",
        )
    channels = max(picture.shape[0] for picture in found)
    height, width = sizes[0]
    return torch.stack([picture.expand(channels, height, width) for picture in found])
