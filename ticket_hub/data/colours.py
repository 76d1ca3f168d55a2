"""Random changes of colour: `data.jitter`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor

from ticket_hub.recipe.spec import JITTERS
from ticket_hub.shapes import Int64, UInt8

__all__ = ["jittered"]

LUMA = (0.299, 0.587, 0.114)
COLOURS = 3


def jittered(
    images: UInt8[Tensor, "batch channels height width"],
    words: Int64[Tensor, "batch changes"],
    strengths: Mapping[str, float],
) -> UInt8[Tensor, "batch channels height width"]:
    """Images whose brightness, contrast, saturation and hue were changed, in this order.

    Each is multiplied by a factor that is uniform in [1 - strength, 1 + strength] and not below 0,
    as in torchvision's ColorJitter, which draws an order, too. Brightness is relative to black,
    contrast to the mean grey of the image, and saturation to the grey of each pixel. The hue is
    turned by a share of the circle that is uniform in [-strength, strength]; images that are not of
    three colours have none.

    Args:
        words: in [0, 2**32), for the changes that have a strength, in the order of `JITTERS`.
        strengths: name of a change -> its strength.
    """
    values = images.float()
    chosen = [name for name in JITTERS if name in strengths]
    for place, name in enumerate(chosen):
        strength = strengths[name]
        share = words[:, place].double() / 2**32
        if name == "hue":
            values = _turned(values, ((2 * share - 1) * strength).float().view(-1, 1, 1, 1))
            continue
        low = max(0.0, 1 - strength)
        factor = (low + (1 + strength - low) * share).float().view(-1, 1, 1, 1)
        # What an image becomes with the factor 0.
        anchor: Tensor = _ANCHORS[name](values).expand_as(values)
        values = anchor.lerp(values, factor).clamp_(0, 255)
    return values.round_().to(torch.uint8)


def _turned(values: Tensor, turn: Tensor) -> Tensor:
    """Images with their hue turned by shares of the circle; value and saturation stay."""
    if values.shape[1] != COLOURS:
        return values
    red, green, blue = values.split(1, 1)
    value = values.amax(1, keepdim=True)
    chroma = value - values.amin(1, keepdim=True)
    divisor = torch.where(chroma == 0, 1, chroma)
    # In sixths of the circle from red, which decides where two colours are equally strong.
    hue = torch.where(value == green, 2 + (blue - red) / divisor, 4 + (red - green) / divisor)
    hue = torch.where(value == red, (green - blue) / divisor, hue) + 6 * turn
    sixths = (hue + torch.tensor([5.0, 3.0, 1.0], device=values.device).view(1, 3, 1, 1)) % 6
    return value - chroma * torch.minimum(sixths, 4 - sixths).clamp(0, 1)


def _grey(values: Tensor) -> Tensor:
    if values.shape[1] != COLOURS:
        return values.mean(1, keepdim=True)
    red, green, blue = values.split(1, 1)
    grey: Tensor = red * LUMA[0] + green * LUMA[1] + blue * LUMA[2]
    return grey


_ANCHORS: Mapping[str, Callable[[Tensor], Tensor]] = MappingProxyType(
    {
        "brightness": torch.zeros_like,
        "contrast": lambda values: _grey(values).mean((2, 3), keepdim=True),
        "saturation": _grey,
    }
)
