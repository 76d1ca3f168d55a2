"""Which weights a mask keeps, drawn layer by layer."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ticket_hub.bundle.ticket import TicketContent
from ticket_hub.report.style import drawing

__all__ = ["mask_figure"]

MAX_SIDE = 600
"""Points of a picture of a layer; larger layers are shown by the means of blocks."""


def mask_figure(ticket: TicketContent) -> Figure:
    """Kept weights in black: a row for each output, a column for each input, of every layer.

    Where the first layer looks at whole images, a picture before it shows how many weights each
    pixel keeps.
    """
    layers = {name: keep.numpy().reshape(keep.shape[0], -1) for name, keep in ticket.mask.items()}
    pixels = _pixels(ticket)
    count = len(layers) + (pixels is not None)
    with drawing():
        wide = min(count, 4)
        rows = math.ceil(count / wide)
        figure = Figure(figsize=(2.4 * wide, 2.6 * rows), layout="constrained")
        panels = list(np.atleast_1d(figure.subplots(rows, wide)).flat)
        shown = iter(panels)
        if pixels is not None:
            _draw(next(shown), pixels, "kept weights of each pixel", aspect="equal")
        for name, keep in layers.items():
            _draw(next(shown), _reduced(keep), f"{name}\n{keep.mean():.2%} kept", aspect="auto")
        for rest in shown:
            rest.set_axis_off()
        name, density = ticket.architecture.name, ticket.density
        figure.suptitle(f"{name}, {density:.2%} of the weights, n = 1 ticket")
    return figure


def _pixels(ticket: TicketContent) -> np.ndarray | None:
    """How many weights of the first layer each pixel keeps, over its channels."""
    network = ticket.architecture
    first = next(iter(ticket.mask.values()))
    size = (network.channels, network.height, network.width)
    if first.ndim != 2 or first.shape[1] != math.prod(size) or network.height == 1:  # noqa: PLR2004
        return None
    counts: np.ndarray = first.sum(0).numpy().reshape(size).sum(0)
    return counts


def _reduced(keep: np.ndarray) -> np.ndarray:
    """The means of blocks, as large as it takes to have at most so many points a side."""
    high, wide = (math.ceil(extent / MAX_SIDE) for extent in keep.shape)
    padded = np.full((-(-keep.shape[0] // high) * high, -(-keep.shape[1] // wide) * wide), np.nan)
    padded[: keep.shape[0], : keep.shape[1]] = keep
    blocks = padded.reshape(padded.shape[0] // high, high, padded.shape[1] // wide, wide)
    means: np.ndarray = np.nanmean(blocks, axis=(1, 3))
    return means


def _draw(panel: Axes, values: np.ndarray, title: str, *, aspect: Literal["equal", "auto"]) -> None:
    panel.imshow(values, cmap="Greys", aspect=aspect, interpolation="nearest", vmin=0)
    panel.set_title(title, fontsize="small")
    panel.set_xticks([])
    panel.set_yticks([])
