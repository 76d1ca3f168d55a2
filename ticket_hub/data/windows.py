"""Windows of random size and shape, cut out of an image and scaled: `data.crop = "resized"`."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ticket_hub.recipe import DataSpec
from ticket_hub.shapes import Int64, UInt8

__all__ = ["DRAWS", "WORD", "windows", "zoomed"]

WORD = 0xFFFF_FFFF
UP, LEFT, FIRST = 1, 2, 3
TRIES = 10
"""As many as torchvision's RandomResizedCrop makes before it takes the middle."""

DRAWS = FIRST + 2 * TRIES
"""Random words of one sample, with that for its flip."""


def windows(
    words: Int64[Tensor, "*batch words"],
    height: int | Tensor,
    width: int | Tensor,
    spec: DataSpec,
) -> Int64[Tensor, "*batch 4"]:
    """Top, left, height and width of the window of each sample.

    As RandomResizedCrop: its share of the area is uniform in `spec.crop_scale`, the logarithm of
    width over height in that of `spec.crop_ratio`, its place uniform. The first of ten draws
    that fits is taken; where none does, the largest window of an allowed shape in the middle.

    Args:
        words: in [0, 2**32), at least `DRAWS` of each sample.
        height, width: of the images, or of each of them, `(*batch)`.
    """
    places = words[..., FIRST:DRAWS].double() / (WORD + 1)
    tall = torch.as_tensor(height, device=words.device).double()[..., None]
    wide = torch.as_tensor(width, device=words.device).double()[..., None]
    low, high = spec.crop_scale
    least, most = (math.log(ratio) for ratio in spec.crop_ratio)
    area = tall * wide * (low + (high - low) * places[..., 0::2])
    ratio = torch.exp(least + (most - least) * places[..., 1::2])
    across, down = (area * ratio).sqrt().round(), (area / ratio).sqrt().round()
    fits = (across >= 1) & (across <= wide) & (down >= 1) & (down <= tall)
    chosen = fits.int().argmax(-1, keepdim=True)  # the first
    across, down = across.gather(-1, chosen), down.gather(-1, chosen)
    least, most = spec.crop_ratio
    middle_wide = torch.minimum(wide, (tall * most).round())
    middle_tall = torch.minimum(tall, (wide / least).round())
    has_one = fits.any(-1, keepdim=True)
    across = torch.where(has_one, across, middle_wide).long()
    down = torch.where(has_one, down, middle_tall).long()
    room_down, room_across = tall.long() - down, wide.long() - across
    top = words[..., UP : UP + 1] * (room_down + 1) >> 32
    left = words[..., LEFT : LEFT + 1] * (room_across + 1) >> 32
    top = torch.where(has_one, top, room_down // 2)
    left = torch.where(has_one, left, room_across // 2)
    return torch.cat([top, left, down, across], -1)


def zoomed(
    images: UInt8[Tensor, "batch channels height width"], found: Int64[Tensor, "batch 4"]
) -> UInt8[Tensor, "batch channels height width"]:
    """The windows of images, each scaled to the whole by a triangle filter (bilinear, antialiased).

    Two products of matrices a sample, so that a graph can capture them.
    """
    top, left, down, across = found.unbind(1)
    rows = _filter(top, down, images.shape[2])
    columns = _filter(left, across, images.shape[3])
    values = rows[:, None] @ images.float() @ columns.mT[:, None]
    return values.add_(0.5).clamp_(0, 255).to(torch.uint8)


def _filter(start: Tensor, length: Tensor, size: int) -> Tensor:
    """Weights `(batch, size, size)` of every source pixel in every target pixel; rows sum to 1."""
    places = torch.arange(size, device=start.device)
    scale = length[:, None].float() / size
    centers = start[:, None] + (places + 0.5) * scale  # (batch, targets)
    reach = scale.clamp(min=1)[:, :, None]
    weights = (1 - (places + 0.5 - centers[:, :, None]).abs() / reach).clamp(min=0)
    inside = (places >= start[:, None]) & (places < (start + length)[:, None])
    weights = weights * inside[:, None]
    return weights / weights.sum(2, keepdim=True)
