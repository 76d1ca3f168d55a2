"""From bytes to logits: what training and evaluation share; compiled by numba."""

from __future__ import annotations

import numpy as np

from ticket_hub.training.sparse.jit import compiled, has_wide_registers
from ticket_hub.training.sparse.lanes import BLOCK, LANES
from ticket_hub.training.sparse.memory import Parameters, TileMemory
from ticket_hub.training.sparse.simd import (
    add,
    fill,
    item,
    load,
    multiply_add,
    pixels,
    prefetch,
    rectify,
    store,
    transpose,
    widen,
)
from ticket_hub.training.sparse.wiring import Array, Wiring

__all__ = ["announce", "denormalize", "forward", "gather", "normalize", "widen_tile"]

LINE = 64 // BLOCK  # blocks in a cache line
ZERO = np.float32(0)


@compiled
def gather(images: Array, order: Array, start: int, wiring: Wiring, work: TileMemory) -> None:
    """The pixels of 64 examples, from `order[start]` on, transposed."""
    size = images.shape[1]
    for lane in range(0, LANES, BLOCK):
        for column in wiring.blocks:
            transpose(images, order, start + lane, size, column, work.bytes, lane)


@compiled
def announce(images: Array, order: Array, start: int, wiring: Wiring) -> None:
    """Have the next tile's pixels fetched while this one is worked on."""
    for lane in range(LANES):
        row = np.int64(order[start + lane]) * images.shape[1]
        for index in range(0, len(wiring.blocks), LINE):
            prefetch(images, row + wiring.blocks[index])


@compiled
def widen_tile(tiles: Array, start: int, wiring: Wiring, work: TileMemory) -> None:
    """The live pixels of the tile that begins at row `start` of `tiles`."""
    for pixel in wiring.live:
        widen(tiles, start + pixel, work.pixels, pixel)


@compiled
def normalize(wiring: Wiring, parameters: Parameters, work: TileMemory) -> None:
    """Fold the pixels' scale and shift into the first layer's weights and biases."""
    for edge in range(len(wiring.scale)):
        work.scaled[edge] = parameters.flat[edge] * wiring.scale[edge]
    for unit in range(len(work.bias)):
        work.bias[unit] = parameters.flat[parameters.edges + unit]
    if wiring.is_shifted:
        for unit in range(wiring.first):
            shifted = ZERO
            for edge in range(wiring.starts[unit], wiring.starts[unit + 1]):
                shifted += parameters.flat[edge] * wiring.shift[edge]
            work.bias[unit] -= shifted


@compiled
def denormalize(wiring: Wiring, parameters: Parameters) -> None:
    """From gradients by pixels to gradients by the network's input."""
    gradient = parameters.gradient
    for edge in range(len(wiring.scale)):
        gradient[edge] *= wiring.scale[edge]
    if wiring.is_shifted:
        for unit in range(wiring.first):
            slope = gradient[parameters.edges + unit]
            for edge in range(wiring.starts[unit], wiring.starts[unit + 1]):
                gradient[edge] -= slope * wiring.shift[edge]


@compiled
def _forward_in_pairs(wiring: Wiring, parameters: Parameters, work: TileMemory) -> None:
    """All units' values for the tile, two edges at a time, each with its own sum.

    One chain of multiply-adds would wait for its own results.
    """
    weights, sources = parameters.flat, wiring.sources
    for unit in range(wiring.first):
        one, two = fill(work.bias[unit]), fill(ZERO)
        edge, end = wiring.starts[unit], wiring.starts[unit + 1]
        while edge + 1 < end:
            left = pixels(work.pixels, item(sources, edge))
            right = pixels(work.pixels, item(sources, edge + 1))
            one = multiply_add(fill(item(work.scaled, edge)), left, one)
            two = multiply_add(fill(item(work.scaled, edge + 1)), right, two)
            edge += 2
        if edge < end:
            left = pixels(work.pixels, item(sources, edge))
            one = multiply_add(fill(item(work.scaled, edge)), left, one)
        store(work.values, unit, rectify(add(one, two)))
    for unit in range(wiring.first, wiring.units):
        one, two = fill(work.bias[unit]), fill(ZERO)
        edge, end = wiring.starts[unit], wiring.starts[unit + 1]
        while edge + 1 < end:
            left = load(work.values, item(sources, edge))
            right = load(work.values, item(sources, edge + 1))
            one = multiply_add(fill(item(weights, edge)), left, one)
            two = multiply_add(fill(item(weights, edge + 1)), right, two)
            edge += 2
        if edge < end:
            left = load(work.values, item(sources, edge))
            one = multiply_add(fill(item(weights, edge)), left, one)
        one = add(one, two)
        store(work.values, unit, rectify(one) if unit < wiring.hidden else one)


@compiled
def _forward_singly(wiring: Wiring, parameters: Parameters, work: TileMemory) -> None:
    """As `_forward_in_pairs`, for processors whose registers hold just one sum."""
    weights, sources = parameters.flat, wiring.sources
    for unit in range(wiring.first):
        value = fill(work.bias[unit])
        for edge in range(wiring.starts[unit], wiring.starts[unit + 1]):
            row = pixels(work.pixels, item(sources, edge))
            value = multiply_add(fill(item(work.scaled, edge)), row, value)
        store(work.values, unit, rectify(value))
    for unit in range(wiring.first, wiring.units):
        value = fill(work.bias[unit])
        for edge in range(wiring.starts[unit], wiring.starts[unit + 1]):
            row = load(work.values, item(sources, edge))
            value = multiply_add(fill(item(weights, edge)), row, value)
        store(work.values, unit, rectify(value) if unit < wiring.hidden else value)


# Measured (benchmarks/README.md): with AVX-512 one sum is 8% slower, with AVX2 two are 45% slower.
forward = _forward_in_pairs if has_wide_registers() else _forward_singly
"""All units' values for the tile."""
