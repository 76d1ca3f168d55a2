"""What a mask keeps, as a small picture for a page: the first layer as images, others as strips.

`ticket_hub.report.mask_figure` draws every weight for whoever has the ticket; this one is made of
rectangles alone, has a size that is known before it is drawn, and its colours follow the page.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from ticket_hub.report.mask_size import (
    GAP,
    LARGE,
    LINE,
    ROW,
    SMALL,
    STRIP,
    Image,
    plan_of,
    side_of,
)
from ticket_hub.report.style import INK

if TYPE_CHECKING:
    import numpy as np

__all__ = ["mask_picture"]

MAX_SIDE = 56  # points of an image; larger ones are shown by the means of blocks
MAX_IMAGES = 12  # of single units whose images have more than MAX_POINTS_OF_MANY points
MAX_POINTS_OF_MANY = 300  # as many of smaller images are drawn as fit into two rows
SHADES = 6
TIMES = "\N{MULTIPLICATION SIGN}"


def mask_picture(mask: Mapping[str, np.ndarray], image: Image, width: int) -> str:
    """The picture as an SVG of rectangles and words, in the colours of `ticket_hub.report.style`.

    Args:
        mask: which weights are kept, of each prunable layer in the network's order.
        image: what the network looks at.
        width: in pixels.
    """
    layers = [(name, keep.shape) for name, keep in mask.items()]
    plan, kept = plan_of(layers, image), list(mask.values())
    parts, top = [], 0
    if plan.images:
        parts += [_title(layers[0], kept[0], top), *_images(kept[0], image, width, top + LINE)]
        top += LINE + LARGE + 2 * GAP
    for place in plan.strips:
        parts += [_title(layers[place], kept[place], top), _strip(kept[place], width, top + LINE)]
        top += ROW
    if plan.rest:
        parts.append(_text(f"and {plan.rest} more layers", top))
    size = f'width="{width}" height="{plan.height}" viewBox="0 0 {width} {plan.height}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{"".join(parts)}</svg>'


def _images(keep: np.ndarray, image: Image, width: int, top: int) -> list[str]:
    """How much all units keep of each point, then each of the first units for itself."""
    side = side_of(keep.shape, image)
    assert side is not None, "the plan says that these are images"
    units = keep.reshape(keep.shape[0], -1, *side).mean(axis=1)
    across = (width - LARGE - 4 * GAP) // (SMALL + GAP)
    many = 2 * across if math.prod(side) <= MAX_POINTS_OF_MANY else min(2 * across, MAX_IMAGES)
    parts = [_frame(units.mean(axis=0), 0, top, LARGE)]
    for place, unit in enumerate(units[:many]):
        row, column = divmod(place, math.ceil(many / 2))
        left = LARGE + 4 * GAP + column * (SMALL + GAP)
        parts.append(_frame(unit, left, top + row * (LARGE - SMALL), SMALL))
    return parts


def _frame(values: np.ndarray, left: int, top: int, side: int) -> str:
    small = _reduced(values, MAX_SIDE, MAX_SIDE)
    scale = side / max(small.shape)
    high, wide = (round(extent * scale, 2) for extent in small.shape)
    edge = f'<rect width="{wide}" height="{high}" fill="none" stroke="{INK}" stroke-opacity="0.3"/>'
    inner = f'<g transform="scale({scale:.4f})">{_shaded(small)}</g>'
    return f'<g transform="translate({left + 0.5} {top + 0.5})">{inner}{edge}</g>'


def _strip(keep: np.ndarray, width: int, top: int) -> str:
    """How much each output of a layer keeps, from the first on the left to the last."""
    share = keep.reshape(keep.shape[0], -1).mean(axis=1)[None]
    small = _reduced(share, 1, width // 4)
    scale = f"scale({width / small.shape[1]:.4f} {STRIP})"
    edge = (
        f'<rect x="0.5" y="{top + 0.5}" width="{width - 1}" height="{STRIP - 1}" fill="none" '
        f'stroke="{INK}" stroke-opacity="0.3"/>'
    )
    return f'<g transform="translate(0 {top}) {scale}">{_shaded(small)}</g>{edge}'


def _shaded(values: np.ndarray) -> str:
    """A path for each shade, over the runs of points that have it; the darkest keeps most."""
    import numpy as np

    most = float(values.max(initial=0.0))
    if most <= 0:
        return ""
    shades = np.ceil(values / most * SHADES).astype(int)
    paths = []
    for shade in range(1, SHADES + 1):
        runs = []
        for y, row in enumerate(shades == shade):
            bounds = np.flatnonzero(np.diff(np.concatenate(([0], row, [0]))))
            runs += [
                f"M{start} {y}h{stop - start}v1h-{stop - start}z"
                for start, stop in zip(bounds[::2], bounds[1::2], strict=True)
            ]
        if runs:
            paths.append(
                f'<path fill="{INK}" fill-opacity="{shade / SHADES:.2f}" '
                f'shape-rendering="crispEdges" d="{"".join(runs)}"/>'
            )
    return "".join(paths)


def _reduced(values: np.ndarray, most_high: int, most_wide: int) -> np.ndarray:
    """The means of blocks, as large as it takes to have at most so many points a side."""
    import numpy as np

    high, wide = (
        -(-e // most) for e, most in zip(values.shape, (most_high, most_wide), strict=True)
    )
    padded = np.full(
        (-(-values.shape[0] // high) * high, -(-values.shape[1] // wide) * wide), np.nan
    )
    padded[: values.shape[0], : values.shape[1]] = values
    blocks = padded.reshape(padded.shape[0] // high, high, padded.shape[1] // wide, wide)
    means: np.ndarray = np.nanmean(blocks, axis=(1, 3))
    return means


def _title(layer: tuple[str, Sequence[int]], keep: np.ndarray, top: int) -> str:
    name, shape = layer
    return _text(f"{name[:60]}, {TIMES.join(map(str, shape))}: {100 * keep.mean():.3g}% kept", top)


def _text(words: str, top: int) -> str:
    return (
        f'<text x="0" y="{top + LINE - 5}" font-family="DejaVu Sans, sans-serif" font-size="11" '
        f'fill="{INK}">{escape(words)}</text>'
    )
