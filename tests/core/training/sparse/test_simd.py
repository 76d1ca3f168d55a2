"""The tiles that the compiled kernels are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import numba
import numpy as np
import numpy.typing as npt
import pytest

from ticket_hub.training.sparse import simd

Array: TypeAlias = npt.NDArray[Any]
Function = TypeVar("Function", bound=Callable[..., object])


def compiled(function: Function) -> Function:
    result: Function = numba.njit(function)
    return result


def tiles(*rows: Array) -> Array:
    return np.ascontiguousarray(np.stack(rows), dtype=np.float32)


def applied(operation: Callable[..., object], *inputs: Array) -> Array:
    """The result of an intrinsic on one tile from each input."""
    rows, result = tiles(*inputs), np.zeros((1, 64), np.float32)
    one = len(inputs) == 1

    if one:

        @compiled
        def call(rows: Array, result: Array) -> None:
            simd.store(result, 0, operation(simd.load(rows, 0)))
    else:

        @compiled
        def call(rows: Array, result: Array) -> None:
            simd.store(result, 0, operation(simd.load(rows, 0), simd.load(rows, 1)))

    call(rows, result)
    first: Array = result[0]
    return first


def numbers(low: float, high: float, seed: int = 0) -> Array:
    return np.random.default_rng(seed).uniform(low, high, 64).astype(np.float32)


@pytest.mark.parametrize(("low", "high"), [(-87, 0), (-1, 1), (0, 88), (-1e-6, 1e-6)])
def test_the_exponential_is_right_to_two_units_in_the_last_place(low: float, high: float) -> None:
    values = numbers(low, high)
    exact = np.exp(values.astype(np.float64))
    error = np.abs(applied(simd.exponential, values) - exact)
    assert np.all(error <= 2 * np.spacing(exact.astype(np.float32)))


def test_the_exponential_of_special_values() -> None:
    values = np.zeros(64, np.float32)
    values[:4] = [np.nan, -np.inf, -1000, 0]
    result = applied(simd.exponential, values)
    assert np.isnan(result[0])
    assert np.all(result[1:3] < 1e-37)
    assert np.all(result[3:] == 1)


def test_rectifying_keeps_nan_and_clears_what_is_below_zero() -> None:
    values = numbers(-1, 1)
    values[0] = np.nan
    result = applied(simd.rectify, values)
    assert np.isnan(result[0])
    assert np.array_equal(result[1:], np.maximum(values[1:], 0))


def test_gradients_pass_where_the_activation_is_above_zero_or_nan() -> None:
    gradient, activation = numbers(-1, 1, seed=1), numbers(-1, 1, seed=2)
    activation[0], activation[1] = np.nan, 0
    expected = np.where(activation <= 0, 0, gradient)
    assert np.array_equal(applied(simd.keep_positive, gradient, activation), expected)


def test_scalar_products_are_added_to_four_neighbours() -> None:
    rows = tiles(*(numbers(-1, 1, seed) for seed in range(5)))
    result = np.arange(9, dtype=np.float32)

    @compiled
    def call(rows: Array, result: Array) -> None:
        a, b, c, d = (
            simd.load(rows, 1),
            simd.load(rows, 2),
            simd.load(rows, 3),
            simd.load(rows, 4),
        )
        simd.add_dots(result, 3, simd.load(rows, 0), a, b, c, d)

    call(rows, result)
    expected = np.arange(9.0)
    expected[3:7] += rows[1:] @ rows[0]
    np.testing.assert_allclose(result, expected, rtol=1e-5)


def test_the_total_is_the_sum_of_all_lanes() -> None:
    values = tiles(numbers(-1, 1))

    @compiled
    def call(values: Array) -> float:
        result: float = simd.total(simd.load(values, 0))
        return result

    assert call(values) == pytest.approx(values.sum(dtype=np.float64), abs=1e-5)


def test_sixteen_examples_are_turned_into_columns() -> None:
    images = np.random.default_rng(0).integers(0, 256, (40, 50), dtype=np.uint8)
    order = np.random.default_rng(1).permutation(40)[:20].astype(np.int32)
    block = np.zeros((50, 64), np.uint8)

    @compiled
    def call(images: Array, order: Array, block: Array) -> None:
        simd.transpose(images, order, 3, 50, 34, block, 32)

    call(images, order, block)
    expected = np.zeros_like(block)
    expected[34:50, 32:48] = images[order[3:19], 34:50].T
    assert np.array_equal(block, expected)


def test_bytes_become_numbers_by_way_of_bfloat16() -> None:
    rows = np.arange(256, dtype=np.uint8).reshape(4, 64)
    pairs, result = np.zeros((5, 32), np.int32), np.zeros((4, 64), np.float32)

    @compiled
    def call(rows: Array, pairs: Array, result: Array) -> None:
        for row in range(4):
            simd.widen(rows, row, pairs, row + 1)
            simd.store(result, row, simd.pixels(pairs, row + 1))

    call(rows, pairs, result)
    assert np.array_equal(result, rows.astype(np.float32))


def test_tiles_of_arrays_that_are_not_contiguous_are_refused() -> None:
    rows = np.zeros((64, 64), np.float32).T

    @compiled
    def call(rows: Array) -> None:
        simd.store(rows, 0, simd.load(rows, 1))

    with pytest.raises(numba.TypingError, match="C-contiguous"):
        call(rows)
