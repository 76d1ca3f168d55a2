"""Single pictures of any size and mode, to one tensor."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ticket_hub.data.adaptation import resized
from ticket_hub.errors import DataError
from ticket_hub.shapes import UInt8

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["read_picture", "stacked", "to_pixels"]

MAX_BITS = 8
BITS_PER_SAMPLE = 258  # the tag of a TIFF file


def read_picture(
    file: Path | BytesIO, size: int
) -> tuple[UInt8[Tensor, "channels height width"], int]:
    """One picture as a viewer shows it, and how many frames its file has.

    Grey becomes one channel, everything else red, green and blue. It is turned as its EXIF data
    say, and laid over white where it is transparent. Of an animation it is the first frame. Colour
    profiles are not followed.

    Args:
        size: of the square it is scaled to (without keeping its aspect); 0 keeps it.

    Raises:
        ValueError: it is no picture, is damaged, has more than 8 bits a channel or more than 89
            million pixels, or is drawn in white on nothing.
    """
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file) as image:
                return to_pixels(image, size), _frames(image)
    except Exception as error:  # a decoder of strange bytes may raise anything
        raise ValueError(str(error) or type(error).__name__) from error


def to_pixels(image: Image, size: int) -> UInt8[Tensor, "channels height width"]:
    """An opened picture as `read_picture` gives it.

    Raises:
        ValueError: as there, of what can be seen when it is open.
    """
    if (bits := _bits(image)) > MAX_BITS:
        raise ValueError(
            f"it has more than 8 bits a channel ({bits} bits, mode {image.mode}); convert it to 8 "
            "bits, scaled as you mean it"
        )
    image.load()
    image = _upright(image)
    grey = image.mode in {"1", "L", "LA", "La"}
    if image.has_transparency_data:
        image = _over_white(image)
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


def _frames(image: Image) -> int:
    """How many frames or pages there are; a photograph with its preview is one."""
    return 1 if image.format == "MPO" else getattr(image, "n_frames", 1)


def _bits(image: Any) -> int:  # noqa: ANN401 - an image, with the attributes of its format
    """Bits of each channel as the file has them: Pillow cuts those of colour to 8 in silence."""
    if image.mode.startswith(("I", "F")):
        return 32 if image.mode in {"I", "F"} else 16
    arguments = [tile[3] for tile in getattr(image, "tile", ())]
    if image.format == "TIFF":
        return int(max(image.tag_v2.get(BITS_PER_SAMPLE, (1,))))
    if image.format == "PPM":  # the mode, and the largest value that there can be
        largest = [given[1] for given in arguments if isinstance(given, tuple)]
        return max(largest, default=1).bit_length()
    is_deep = image.format == "PNG" and any(";16" in str(given) for given in arguments)
    return 16 if is_deep else MAX_BITS


def _upright(image: Image) -> Image:
    from PIL import ImageOps

    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # noqa: BLE001 - damaged EXIF data: a viewer passes over them, too
        return image


def _over_white(image: Image) -> Image:
    from PIL import Image as Images

    drawn = image.convert("RGBA")
    flat = Images.alpha_composite(Images.new("RGBA", drawn.size, "white"), drawn)
    alpha = np.asarray(drawn)[..., 3]
    if alpha.min() < alpha.max() and (np.asarray(flat) == 255).all():  # noqa: PLR2004 - white
        raise ValueError(
            "it is drawn in white on a transparent background, and cannot be seen on the white "
            "that transparency (the alpha channel) is laid over; give it a background"
        )
    return flat
