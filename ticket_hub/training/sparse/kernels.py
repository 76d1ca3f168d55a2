"""The training step and the evaluation over survivors, compiled by numba.

A batch is cut into tiles of 64 examples, and all values of a tile lie transposed: one row of 64
examples for each pixel and each unit. A unit's value is then a sum over its edges of weight times
row, held in registers; the gradient of an edge is the scalar product of two rows, taken for
survivors alone. Pixels stay bytes until they are in registers (a tile of MNIST is 49 KB instead
of 196, which the nearest caches hold), and the factor that normalizes them goes to the weights.

Importing this module imports numba. `Wiring` has the words: units, edges, first, hidden.
"""

from __future__ import annotations

import numpy as np

from ticket_hub.training.sparse.jit import compiled, kept
from ticket_hub.training.sparse.lanes import BLOCK, LANES
from ticket_hub.training.sparse.memory import Parameters, Rule, Steps, Work
from ticket_hub.training.sparse.simd import (
    add,
    add_dots,
    exponential,
    fill,
    keep_positive,
    load,
    multiply,
    multiply_add,
    pick_larger,
    pixels,
    prefetch,
    quotient,
    rectify,
    store,
    subtract,
    total,
    transpose,
)
from ticket_hub.training.sparse.wiring import Array, Wiring

__all__ = ["evaluate", "train"]

LINE = 64 // BLOCK  # blocks in a cache line
ZERO = np.float32(0)


@compiled
def _gather(images: Array, order: Array, start: int, wiring: Wiring, work: Work) -> None:
    size = images.shape[1]
    for lane in range(0, LANES, BLOCK):
        for column in wiring.blocks:
            transpose(images, order, start + lane, size, column, work.bytes, lane)


@compiled
def _announce(images: Array, order: Array, start: int, wiring: Wiring) -> None:
    """Have the next tile's pixels fetched while this one is worked on."""
    for lane in range(LANES):
        row = np.int64(order[start + lane]) * images.shape[1]
        for index in range(0, len(wiring.blocks), LINE):
            prefetch(images, row + wiring.blocks[index])


@compiled
def _normalize(wiring: Wiring, parameters: Parameters, work: Work) -> None:
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
def _forward(tiles: Array, start: int, wiring: Wiring, parameters: Parameters, work: Work) -> None:
    """All units' values, for the tile of pixels that begins at row `start` of `tiles`."""
    for unit in range(wiring.first):
        value = fill(work.bias[unit])
        for edge in range(wiring.starts[unit], wiring.starts[unit + 1]):
            row = pixels(tiles, start + wiring.sources[edge])
            value = multiply_add(fill(work.scaled[edge]), row, value)
        store(work.values, unit, rectify(value))
    for unit in range(wiring.first, len(work.values)):
        value = fill(work.bias[unit])
        for edge in range(wiring.starts[unit], wiring.starts[unit + 1]):
            row = load(work.values, wiring.sources[edge])
            value = multiply_add(fill(parameters.flat[edge]), row, value)
        store(work.values, unit, rectify(value) if unit < wiring.hidden else value)


@compiled
def _differentiate(  # noqa: PLR0917 - compiled code passes by position
    labels: Array, order: Array, start: int, share: Array, tile: int, hidden: int, work: Work
) -> None:
    """The derivative of the mean cross-entropy by the logits: (softmax - one-hot) * share."""
    top = load(work.values, hidden)
    for unit in range(hidden + 1, len(work.values)):
        value = load(work.values, unit)
        top = pick_larger(value, top, value, top)
    everything = fill(ZERO)
    for unit in range(hidden, len(work.values)):
        power = exponential(subtract(load(work.values, unit), top))
        everything = add(everything, power)
        store(work.slopes, unit, power)
    factor = quotient(load(share, tile), everything)
    for unit in range(hidden, len(work.values)):
        store(work.slopes, unit, multiply(load(work.slopes, unit), factor))
    for lane in range(LANES):
        work.slopes[hidden + labels[order[start + lane]], lane] -= share[tile, lane]


@compiled
def _backward(wiring: Wiring, parameters: Parameters, work: Work) -> None:
    """The derivatives by the hidden units' sums, from the last to the first."""
    for unit in range(wiring.hidden - 1, -1, -1):
        slope = fill(ZERO)
        for index in range(wiring.out_starts[unit], wiring.out_starts[unit + 1]):
            weight = fill(parameters.flat[wiring.out_edges[index]])
            slope = multiply_add(weight, load(work.slopes, wiring.out_units[index]), slope)
        store(work.slopes, unit, keep_positive(slope, load(work.values, unit)))


@compiled
def _collect(wiring: Wiring, parameters: Parameters, work: Work) -> None:
    """Add this tile's part to the gradients of all edges and biases."""
    gradient, sources = parameters.gradient, wiring.sources
    for unit in range(len(work.values)):
        slope = load(work.slopes, unit)
        gradient[parameters.edges + unit] += total(slope)
        edge, end = wiring.starts[unit], wiring.starts[unit + 1]
        if unit < wiring.first:
            rows = work.bytes
            while edge + 3 < end:
                a, b = pixels(rows, sources[edge]), pixels(rows, sources[edge + 1])
                c, d = pixels(rows, sources[edge + 2]), pixels(rows, sources[edge + 3])
                add_dots(gradient, edge, slope, a, b, c, d)
                edge += 4
            while edge < end:
                gradient[edge] += total(multiply(slope, pixels(rows, sources[edge])))
                edge += 1
        else:
            values = work.values
            while edge + 3 < end:
                a, b = load(values, sources[edge]), load(values, sources[edge + 1])
                c, d = load(values, sources[edge + 2]), load(values, sources[edge + 3])
                add_dots(gradient, edge, slope, a, b, c, d)
                edge += 4
            while edge < end:
                gradient[edge] += total(multiply(slope, load(values, sources[edge])))
                edge += 1


@compiled
def _denormalize(wiring: Wiring, parameters: Parameters) -> None:
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
def _sgd(parameters: Parameters, rule: Rule, rates: Array) -> None:
    flat, first = parameters.flat, parameters.first
    for index in range(len(flat)):
        slope = parameters.gradient[index] + rule.decay * flat[index]
        if rule.momentum > 0:
            first[index] = rule.momentum * first[index] + slope
            slope = slope + rule.momentum * first[index] if rule.nesterov else first[index]
        flat[index] -= rates[0] * slope


@compiled
def _adam(parameters: Parameters, rule: Rule, rates: Array) -> None:
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
    steps: Steps,
    wiring: Wiring,
    parameters: Parameters,
    work: Work,
    rule: Rule,
) -> None:
    """Take all steps, without the interpreter's lock.

    Shapes:
        `images`: uint8 `(examples, pixels)`, at least 16 pixels; `labels`: int64 `(examples,)`,
        each below the number of classes.
    """
    tiles = len(steps.share)
    for step in range(len(steps.rates)):
        _normalize(wiring, parameters, work)
        parameters.gradient[:] = ZERO
        for tile in range(tiles):
            start = (step * tiles + tile) * LANES
            _gather(images, steps.order, start, wiring, work)
            if start + LANES < len(steps.order):
                _announce(images, steps.order, start + LANES, wiring)
            _forward(work.bytes, 0, wiring, parameters, work)
            _differentiate(labels, steps.order, start, steps.share, tile, wiring.hidden, work)
            _backward(wiring, parameters, work)
            _collect(wiring, parameters, work)
        _denormalize(wiring, parameters)
        if rule.adam:
            _adam(parameters, rule, steps.rates[step])
        else:
            _sgd(parameters, rule, steps.rates[step])


@compiled
def _judge(labels: Array, start: int, count: int, hidden: int, work: Work) -> tuple[float, float]:
    """Summed cross-entropy and hits of a tile's first `count` examples."""
    top, best = load(work.values, hidden), fill(ZERO)
    for unit in range(hidden + 1, len(work.values)):
        value = load(work.values, unit)
        best = pick_larger(value, top, fill(np.float32(unit - hidden)), best)
        top = pick_larger(value, top, value, top)
    everything = fill(ZERO)
    for unit in range(hidden, len(work.values)):
        everything = add(everything, exponential(subtract(load(work.values, unit), top)))
    store(work.readings, 0, everything)
    store(work.readings, 1, top)
    store(work.readings, 2, best)
    loss, hits = 0.0, 0.0
    for lane in range(count):
        label = labels[start + lane]
        logit = np.float64(work.values[hidden + label, lane])
        loss += np.log(np.float64(work.readings[0, lane])) + work.readings[1, lane] - logit
        hits += np.float32(label) == work.readings[2, lane]
    return loss, hits


@kept
def evaluate(
    tiles: Array, labels: Array, wiring: Wiring, parameters: Parameters, work: Work
) -> tuple[float, float]:
    """Summed cross-entropy and hits over a part, without the interpreter's lock.

    Shapes:
        `tiles`: uint8 `(tiles * pixels, 64)`: the part in tiles of 64 examples, each transposed;
        `labels`: int64 `(examples,)`.
    """
    loss, hits, size = 0.0, 0.0, len(work.bytes)
    _normalize(wiring, parameters, work)
    for start in range(0, len(labels), LANES):
        row = start // LANES * size
        if start + LANES < len(labels):
            for pixel in wiring.live:
                prefetch(tiles, (row + size + pixel) * LANES)
        _forward(tiles, row, wiring, parameters, work)
        count = min(LANES, len(labels) - start)
        more_loss, more_hits = _judge(labels, start, count, wiring.hidden, work)
        loss += more_loss
        hits += more_hits
    return loss, hits
