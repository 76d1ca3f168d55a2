"""The surviving weights as the compiled kernels want them: one list of units, input to output."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ticket_hub.data import DataSet
from ticket_hub.training.sparse.survivors import SparseLayers

__all__ = ["Array", "Wiring", "wire"]

Array: TypeAlias = npt.NDArray[Any]
"""Numbers of any kind; kernels say which in their signature."""


class Wiring(NamedTuple):
    """Who listens to whom; an edge is a surviving weight, counted as in the flat vector.

    Units are counted through all layers. Those of the first layer listen to pixels, all others
    to units. `edges` are counted per unit: those of unit u are `starts[u]` to `starts[u + 1]`.

    Attributes:
        starts: int32 `(units + 1,)`.
        sources: int32 `(edges,)`: a pixel for the first layer, else a unit.
        out_starts: int32 `(hidden units + 1,)`: as `starts`, but edges that leave a hidden unit.
        out_edges: int32: the edges in that order.
        out_units: int32: the units that they lead to.
        blocks: int64: pixels at which groups of 16 begin that contain a pixel with an edge.
        live: int64: the pixels with an edge.
        scale, shift: float32, one per edge of the first layer: the network's input is
            `pixel * scale - shift`.
        is_shifted: whether any shift is not 0.
        first: number of units in the first layer.
        hidden: number of units in all layers but the last.
        units: number of units.
    """

    starts: Array
    sources: Array
    out_starts: Array
    out_edges: Array
    out_units: Array
    blocks: Array
    live: Array
    scale: Array
    shift: Array
    is_shifted: bool
    first: int
    hidden: int
    units: int


BLOCK = 16  # bytes that are transposed at once


def wire(survivors: SparseLayers, data: DataSet) -> Wiring:
    """The wiring of one member on one data set."""
    first, hidden = survivors.layers[0].outputs, survivors.units - survivors.layers[-1].outputs
    starts, sources = _incoming(survivors)
    into_first = int(starts[first])
    targets = torch.repeat_interleave(torch.arange(survivors.units), starts.diff())
    edges = torch.arange(into_first, len(sources))
    # Stable: the order of edges is the order of a sum, and decides its bits.
    edges = edges[sources[edges].argsort(stable=True)]
    counts = torch.bincount(sources[edges], minlength=hidden)
    live = sources[:into_first].unique()
    scale, shift = _pixel_scale(data)
    return Wiring(
        starts=_int32(starts),
        sources=_int32(sources),
        out_starts=_int32(torch.cat([torch.zeros(1), counts.cumsum(0)])),
        out_edges=_int32(edges),
        out_units=_int32(targets[edges]),
        blocks=_blocks(live, survivors.layers[0].inputs),
        live=live.numpy(),
        scale=scale[sources[:into_first]].numpy(),
        shift=shift[sources[:into_first]].numpy(),
        is_shifted=bool(shift.any()),
        first=first,
        hidden=hidden,
        units=survivors.units,
    )


def _incoming(survivors: SparseLayers) -> tuple[Tensor, Tensor]:
    starts, sources, edges, units = [torch.zeros(1, dtype=torch.int64)], [], 0, 0
    for index, layer in enumerate(survivors.layers):
        starts.append(layer.starts[1:] + edges)
        sources.append(layer.columns + units)
        edges += len(layer.kept)
        units += layer.inputs if index else 0
    return torch.cat(starts), torch.cat(sources)


def _blocks(live: Tensor, pixels: int) -> Array:
    """Multiples of 16; the last block ends with the last pixel and may overlap the one before."""
    begins = torch.arange(0, max(pixels, BLOCK), BLOCK)
    used = torch.zeros(len(begins), dtype=torch.bool)
    used[live // BLOCK] = True
    return begins[used].clamp(max=max(pixels - BLOCK, 0)).numpy()


def _pixel_scale(data: DataSet) -> tuple[Tensor, Tensor]:
    """`scale` and `shift` for each pixel, as `normalized` has them for each channel."""
    _, height, width = data.input_shape
    std, mean = data.std.double(), data.mean.double()
    if data.spec.normalize == "unit":
        std, mean = torch.ones_like(std), torch.zeros_like(mean)
    scale, shift = (1 / (255 * std)).float(), (mean / std).float()
    return scale.repeat_interleave(height * width), shift.repeat_interleave(height * width)


def _int32(values: Tensor) -> Array:
    return values.to(torch.int32).numpy().astype(np.int32, copy=False)
