"""The training step over survivors, compiled by numba.

A batch is cut into tiles of 64 examples, and all values of a tile lie transposed: one row of 64
examples for each pixel and each unit. A unit's value is then a sum over its edges of weight times
row, held in registers; the gradient of an edge is the scalar product of two rows, taken for
survivors alone. Pixels become float32 only in registers: in bfloat16 a tile of MNIST is 100 KB
instead of 200, of which the nearest cache holds more, and the factor that normalizes them goes
to the weights.

Importing this module imports numba. `Wiring` has the words: units, edges, first, hidden.
"""

from __future__ import annotations

import numpy as np

from ticket_hub.training.sparse.jit import compiled, kept
from ticket_hub.training.sparse.lanes import LANES
from ticket_hub.training.sparse.memory import OptimizerRule, Parameters, StepTable, TileMemory
from ticket_hub.training.sparse.passes import (
    announce,
    denormalize,
    forward,
    gather,
    normalize,
    widen_tile,
)
from ticket_hub.training.sparse.simd import (
    add,
    add_dots,
    exponential,
    fill,
    item,
    keep_positive,
    load,
    multiply,
    multiply_add,
    pick_larger,
    pixels,
    quotient,
    store,
    subtract,
    total,
)
from ticket_hub.training.sparse.wiring import Array, Wiring

__all__ = ["train"]

ZERO = np.float32(0)


@compiled
def _differentiate(  # noqa: PLR0917 - compiled code passes by position
    labels: Array,
    order: Array,
    start: int,
    share: Array,
    tile: int,
    wiring: Wiring,
    work: TileMemory,
) -> None:
    """The derivative of the mean cross-entropy by the logits: (softmax - one-hot) * share."""
    # Less the largest logit, which changes no softmax: no power can overflow.
    top = load(work.values, wiring.hidden)
    for unit in range(wiring.hidden + 1, wiring.units):
        value = load(work.values, unit)
        top = pick_larger(value, top, value, top)
    everything = fill(ZERO)
    for unit in range(wiring.hidden, wiring.units):
        power = exponential(subtract(load(work.values, unit), top))
        everything = add(everything, power)
        store(work.slopes, unit, power)
    factor = quotient(load(share, tile), everything)
    for unit in range(wiring.hidden, wiring.units):
        store(work.slopes, unit, multiply(load(work.slopes, unit), factor))
    for lane in range(LANES):
        work.slopes[wiring.hidden + labels[order[start + lane]], lane] -= share[tile, lane]


@compiled
def _backward(wiring: Wiring, parameters: Parameters, work: TileMemory) -> None:
    """The derivatives by the hidden units' sums, from the last to the first."""
    for unit in range(wiring.hidden - 1, -1, -1):
        slope = fill(ZERO)
        for index in range(wiring.out_starts[unit], wiring.out_starts[unit + 1]):
            weight = fill(parameters.flat[wiring.out_edges[index]])
            slope = multiply_add(weight, load(work.slopes, wiring.out_units[index]), slope)
        store(work.slopes, unit, keep_positive(slope, load(work.values, unit)))


@compiled
def _collect(wiring: Wiring, parameters: Parameters, work: TileMemory) -> None:
    """Add this tile's part to the gradients of all edges and biases."""
    gradient, sources, rows, values = parameters.gradient, wiring.sources, work.pixels, work.values
    for unit in range(wiring.first):
        slope = load(work.slopes, unit)
        gradient[parameters.edges + unit] += total(slope)
        edge, end = wiring.starts[unit], wiring.starts[unit + 1]
        while edge + 3 < end:
            a, b = pixels(rows, item(sources, edge)), pixels(rows, item(sources, edge + 1))
            c, d = pixels(rows, item(sources, edge + 2)), pixels(rows, item(sources, edge + 3))
            add_dots(gradient, edge, slope, a, b, c, d)
            edge += 4
        while edge < end:
            gradient[edge] += total(multiply(slope, pixels(rows, item(sources, edge))))
            edge += 1
    # The same over units, whose values are float32 where pixels are pairs of bfloat16: two loops,
    # since the kind of a load is fixed when the kernel is compiled.
    for unit in range(wiring.first, wiring.units):
        slope = load(work.slopes, unit)
        gradient[parameters.edges + unit] += total(slope)
        edge, end = wiring.starts[unit], wiring.starts[unit + 1]
        while edge + 3 < end:
            a, b = load(values, item(sources, edge)), load(values, item(sources, edge + 1))
            c, d = load(values, item(sources, edge + 2)), load(values, item(sources, edge + 3))
            add_dots(gradient, edge, slope, a, b, c, d)
            edge += 4
        while edge < end:
            gradient[edge] += total(multiply(slope, load(values, item(sources, edge))))
            edge += 1


@compiled
def _sgd(parameters: Parameters, rule: OptimizerRule, rates: Array) -> None:
    flat, first = parameters.flat, parameters.first
    for index in range(len(flat)):
        slope = parameters.gradient[index] + rule.decay * flat[index]
        if rule.momentum > 0:
            first[index] = rule.momentum * first[index] + slope
            slope = slope + rule.momentum * first[index] if rule.nesterov else first[index]
        flat[index] -= rates[0] * slope


@compiled
def _adam(parameters: Parameters, rule: OptimizerRule, rates: Array) -> None:
    flat, first, second = parameters.flat, parameters.first, parameters.second
    for index in range(len(flat)):
        slope, value = parameters.gradient[index], flat[index]
        if rule.decoupled:
            value *= rates[2]
        else:
            slope += rule.decay * value
        first[index] += rule.rest1 * (slope - first[index])
        second[index] = rule.beta2 * second[index] + rule.rest2 * slope * slope
        flat[index] = value - rates[0] * first[index] / (
            np.sqrt(second[index]) * rates[1] + rule.eps
        )


@kept
def train(  # noqa: PLR0917 - compiled code passes by position
    images: Array,
    labels: Array,
    steps: StepTable,
    wiring: Wiring,
    parameters: Parameters,
    work: TileMemory,
    rule: OptimizerRule,
) -> None:
    """Take all steps, without the interpreter's lock.

    Shapes:
        `images`: uint8 `(examples, pixels)`, at least 16 pixels; `labels`: int64 `(examples,)`,
        each below the number of classes.
    """
    tiles = len(steps.share)
    for step in range(len(steps.rates)):
        normalize(wiring, parameters, work)
        # Each tile of the batch adds its part.
        parameters.gradient[:] = ZERO
        for tile in range(tiles):
            start = (step * tiles + tile) * LANES
            gather(images, steps.order, start, wiring, work)
            if start + LANES < len(steps.order):
                announce(images, steps.order, start + LANES, wiring)
            widen_tile(work.bytes, 0, wiring, work)
            forward(wiring, parameters, work)
            _differentiate(labels, steps.order, start, steps.share, tile, wiring, work)
            _backward(wiring, parameters, work)
            _collect(wiring, parameters, work)
        denormalize(wiring, parameters)
        if rule.adam:
            _adam(parameters, rule, steps.rates[step])
        else:
            _sgd(parameters, rule, steps.rates[step])
