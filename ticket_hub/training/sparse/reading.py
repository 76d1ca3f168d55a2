"""Evaluation over survivors, compiled by numba: one tile of 64 examples after the other."""

from __future__ import annotations

import numpy as np

from ticket_hub.training.sparse.jit import compiled, kept
from ticket_hub.training.sparse.lanes import LANES
from ticket_hub.training.sparse.memory import Parameters, TileMemory
from ticket_hub.training.sparse.passes import forward, normalize, widen_tile
from ticket_hub.training.sparse.simd import (
    add,
    exponential,
    fill,
    load,
    pick_larger,
    prefetch,
    store,
    subtract,
)
from ticket_hub.training.sparse.wiring import Array, Wiring

__all__ = ["evaluate"]

ZERO = np.float32(0)


@compiled
def _judge(labels: Array, wiring: Wiring, work: TileMemory) -> tuple[float, float]:
    """Summed cross-entropy and hits of a tile; `labels` begin with its own."""
    values, readings, first, end = work.values, work.readings, wiring.hidden, wiring.units
    top, best = load(values, first), fill(ZERO)
    for unit in range(first + 1, end):
        value = load(values, unit)
        best = pick_larger(value, top, fill(np.float32(unit - first)), best)
        top = pick_larger(value, top, value, top)
    everything = fill(ZERO)
    for unit in range(first, end):
        everything = add(everything, exponential(subtract(load(values, unit), top)))
    store(readings, 0, everything)
    store(readings, 1, top)
    store(readings, 2, best)
    loss, hits = 0.0, 0.0
    for lane in range(min(LANES, len(labels))):
        label = labels[lane]
        logit = np.float64(values[first + label, lane])
        loss += np.log(np.float64(readings[0, lane])) + readings[1, lane] - logit
        hits += np.float32(label) == readings[2, lane]
    return loss, hits


@kept
def evaluate(
    tiles: Array, labels: Array, wiring: Wiring, parameters: Parameters, work: TileMemory
) -> tuple[float, float]:
    """Summed cross-entropy and hits over a part, without the interpreter's lock.

    Shapes:
        `tiles`: uint8 `(tiles * pixels, 64)`: the part in tiles of 64 examples, each transposed;
        `labels`: int64 `(examples,)`.
    """
    loss, hits, size = 0.0, 0.0, len(work.bytes)
    normalize(wiring, parameters, work)
    for start in range(0, len(labels), LANES):
        row = start // LANES * size
        if start + LANES < len(labels):
            for pixel in wiring.live:
                prefetch(tiles, (row + size + pixel) * LANES)
        widen_tile(tiles, row, wiring, work)
        forward(wiring, parameters, work)
        more_loss, more_hits = _judge(labels[start:], wiring, work)
        loss += more_loss
        hits += more_hits
    return loss, hits
