"""What the compiled kernels work on: plain tuples of arrays and numbers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ticket_hub.training.sparse.wiring import Array

__all__ = ["OptimizerRule", "Parameters", "StepTable", "TileMemory"]


class StepTable(NamedTuple):
    """Which examples each step sees, and how far it goes.

    Attributes:
        order: int32 `(steps * tiles * 64,)`; the last tile of a batch is filled up.
        share: float32 `(tiles, 64)`: one over the batch size, and 0 where an example is a filler.
        rates: float32 `(steps, 3)`; for SGD the learning rate first, for Adam
            lr / (1 - beta1^t), 1 / sqrt(1 - beta2^t), and 1 - lr * weight decay.
    """

    order: Array
    share: Array
    rates: Array


class Parameters(NamedTuple):
    """One member's flat vectors; the weights of all edges come before the biases of all units.

    Attributes:
        flat, gradient, first, second: float32 `(edges + units,)`; `first` and `second` are the
            optimizer's, and empty where it has none.
        edges: their number.
    """

    flat: Array
    gradient: Array
    first: Array
    second: Array
    edges: int


class OptimizerRule(NamedTuple):
    """The optimizer; all numbers are float32.

    Attributes:
        adam: Adam or AdamW, else SGD.
        decoupled: AdamW.
        nesterov: SGD's variant.
        momentum: of SGD.
        rest1, beta2, rest2: of Adam: 1 - beta1, beta2, 1 - beta2.
        eps: of Adam.
        decay: weight decay as a part of the gradient.
    """

    adam: bool
    decoupled: bool
    nesterov: bool
    momentum: np.float32
    rest1: np.float32
    beta2: np.float32
    rest2: np.float32
    eps: np.float32
    decay: np.float32


class TileMemory(NamedTuple):
    """Memory for one tile.

    Attributes:
        bytes: uint8 `(pixels, 64)`: as read.
        pixels: int32 `(pixels, 32)`: as `widen` makes them.
        values, slopes: float32 `(units, 64)`: activations, and the loss's derivatives.
        scaled: float32: the first layer's weights times the pixels' scale.
        bias: float32 `(units,)`: biases less the weighted shift of the pixels.
        readings: float32 `(3, 64)`: of an evaluated tile.
    """

    bytes: Array
    pixels: Array
    values: Array
    slopes: Array
    scaled: Array
    bias: Array
    readings: Array
