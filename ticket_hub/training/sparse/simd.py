"""A vector of 64 float32 lanes inside numba's compiled code.

Compiled loops over arrays leave it to chance whether 64 columns stay in registers. Here a tile is
a value of its own, `<64 x float>` in LLVM, so a sum over survivors is one chain of multiply-adds
that never touches memory: 4 registers with AVX-512, 8 with AVX2, 16 with NEON or SSE.

Every public function is an intrinsic: it can only be called from compiled code. In their
signatures a tile is a value of 64 lanes, an array a C-contiguous numpy array, of which tiles are
rows of 64 elements.
"""

from __future__ import annotations

import llvmlite.ir as ll
from numba import types

from ticket_hub.training.sparse.lanes import (
    BLOCK,
    BYTE,
    INT,
    INTEGERS,
    LANES,
    LONG,
    PAIRS,
    TILE,
    Builder,
    Value,
    call,
    generated,
    integers,
    numbers,
    place,
    row_start,
    shuffle,
    tile,
)

__all__ = [
    "add",
    "add_dots",
    "exponential",
    "fill",
    "item",
    "keep_positive",
    "load",
    "multiply",
    "multiply_add",
    "pick_larger",
    "pixels",
    "prefetch",
    "quotient",
    "rectify",
    "store",
    "subtract",
    "total",
    "transpose",
    "widen",
]

LOG2_E = 1.44269504088896341
# In two parts, of which the first has so few bits that a whole number of it is exact.
LN_2_HIGH, LN_2_LOW = 0.693359375, -2.12194440e-4
EXPONENTIAL = (
    1.9875691500e-4,
    1.3981999507e-3,
    8.3334519073e-3,
    4.1665795894e-2,
    1.6666665459e-1,
    0.5,
    1.0,
    1.0,
)


@generated(None)
def item(builder: Builder, array: Value, index: Value) -> Value:
    """Entry `index` of an array, which must not be negative."""
    # numba's own indexing tests each index for one that counts from the end, which shows in inner
    # loops.
    return builder.load(builder.gep(array, [index]))


@generated(tile)
def load(builder: Builder, array: Value, row: Value) -> Value:
    """Row `row` of a float32 array."""
    # Said, or LLVM counts on the alignment of a whole vector, which no numpy array promises.
    return builder.load(place(builder, array, row_start(builder, row), TILE), align=4)


@generated(types.void)
def store(builder: Builder, array: Value, row: Value, value: Value) -> None:
    """Write a tile to row `row` of a float32 array."""
    builder.store(value, place(builder, array, row_start(builder, row), TILE), align=4)


@generated(tile)
def pixels(builder: Builder, array: Value, row: Value) -> Value:
    """Row `row` of what `widen` made of bytes, as float32 values from 0 to 255."""
    start = builder.mul(row, LONG(LANES // 2))
    pairs = builder.load(place(builder, array, start, PAIRS), align=4)
    low = builder.shl(pairs, ll.Constant(PAIRS, [16] * PAIRS.count))
    high = builder.and_(pairs, ll.Constant(PAIRS, [0xFFFF0000] * PAIRS.count))
    return builder.bitcast(shuffle(builder, low, high, list(range(LANES))), TILE)


@generated(types.void)
def widen(builder: Builder, array: Value, row: Value, pairs: Value, target: Value) -> None:
    """Row `row` of a uint8 array, in bfloat16, to row `target` of an int32 array of 32 columns.

    bfloat16 is the upper half of a float32 and has all numbers from 0 to 255 exactly. The lower
    half of each int32 is lane k, the upper half lane k + 32, so that two cheap operations make
    float32 of them.
    """
    kind = ll.VectorType(BYTE, LANES)
    value = builder.load(place(builder, array, row_start(builder, row), kind), align=1)
    # By way of int32, for which every processor has a conversion.
    wide = builder.bitcast(builder.sitofp(builder.zext(value, INTEGERS), TILE), INTEGERS)
    low = shuffle(builder, wide, wide, list(range(LANES // 2)))
    high = shuffle(builder, wide, wide, list(range(LANES // 2, LANES)))
    both = builder.or_(builder.lshr(low, ll.Constant(PAIRS, [16] * PAIRS.count)), high)
    start = builder.mul(target, LONG(LANES // 2))
    builder.store(both, place(builder, pairs, start, PAIRS), align=4)


@generated(tile)
def fill(builder: Builder, value: Value) -> Value:
    """A float32 number in every lane."""
    one = builder.insert_element(ll.Constant(TILE, ll.Undefined), value, INT(0))
    return shuffle(builder, one, one, [0] * LANES)


@generated(tile)
def multiply_add(builder: Builder, a: Value, b: Value, c: Value) -> Value:
    """`a * b + c`, rounded once where the processor can."""
    return call(builder, "llvm.fmuladd", a, b, c)


@generated(tile)
def multiply(builder: Builder, a: Value, b: Value) -> Value:
    """`a * b`."""
    return builder.fmul(a, b)


@generated(tile)
def add(builder: Builder, a: Value, b: Value) -> Value:
    """`a + b`."""
    return builder.fadd(a, b)


@generated(tile)
def subtract(builder: Builder, a: Value, b: Value) -> Value:
    """`a - b`."""
    return builder.fsub(a, b)


@generated(tile)
def quotient(builder: Builder, a: Value, b: Value) -> Value:
    """`a / b`."""
    return builder.fdiv(a, b)


@generated(tile)
def rectify(builder: Builder, value: Value) -> Value:
    """`max(value, 0)`; NaN stays NaN."""
    below = builder.fcmp_ordered("<", value, numbers(0.0))
    return builder.select(below, numbers(0.0), value)


@generated(tile)
def keep_positive(builder: Builder, gradient: Value, activation: Value) -> Value:
    """The gradient where the activation is above 0 or NaN, else 0."""
    closed = builder.fcmp_ordered("<=", activation, numbers(0.0))
    return builder.select(closed, numbers(0.0), gradient)


@generated(tile)
def pick_larger(builder: Builder, a: Value, b: Value, when_a: Value, when_b: Value) -> Value:
    """`when_a` where `a > b`, else `when_b`."""
    return builder.select(builder.fcmp_ordered(">", a, b), when_a, when_b)


@generated(tile)
def exponential(builder: Builder, value: Value) -> Value:
    """`e ** value` within 2 units in the last place; 0 to 1e-38 below -87, NaN for NaN.

    Cephes' expf: `value = n ln 2 + r`, a polynomial in r, and n into the exponent's bits.
    """
    low, high = numbers(-87.0), numbers(88.0)
    clamped = call(builder, "llvm.maxnum", value, low)
    clamped = call(builder, "llvm.minnum", clamped, high)
    scaled = call(builder, "llvm.fmuladd", clamped, numbers(LOG2_E), numbers(0.5))
    whole = call(builder, "llvm.floor", scaled)
    rest = call(builder, "llvm.fmuladd", whole, numbers(-LN_2_HIGH), clamped)
    rest = call(builder, "llvm.fmuladd", whole, numbers(-LN_2_LOW), rest)
    curve = numbers(EXPONENTIAL[0])
    for coefficient in EXPONENTIAL[1:]:
        curve = call(builder, "llvm.fmuladd", curve, rest, numbers(coefficient))
    exponent = builder.add(builder.fptosi(whole, INTEGERS), integers(127))
    bits = builder.shl(exponent, integers(23))
    result = builder.fmul(curve, builder.bitcast(bits, TILE))
    return builder.select(builder.fcmp_unordered("uno", value, value), value, result)


@generated(types.float32)
def total(builder: Builder, value: Value) -> Value:
    """The sum of all lanes."""
    width = LANES
    while width > 1:
        width //= 2
        value = _halved(builder, value, width)
    return builder.extract_element(value, INT(0))


@generated(types.void)
def add_dots(  # noqa: PLR0917 - compiled code passes by position
    builder: Builder, array: Value, first: Value, d: Value, a: Value, b: Value, c: Value, e: Value
) -> None:
    """Add the scalar products of `d` with the tiles a, b, c, e to four entries from `first` on."""
    products = [_folded(builder, d, other) for other in (a, b, c, e)]
    sums = _four_sums(builder, products)
    where = place(builder, array, first, sums.type)
    builder.store(builder.fadd(builder.load(where, align=4), sums), where, align=4)


def _folded(builder: Builder, d: Value, other: Value) -> Value:
    """Sixteen partial sums of a scalar product."""
    result = None
    for start in range(0, LANES, BLOCK):
        lanes = list(range(start, start + BLOCK))
        left, right = shuffle(builder, d, d, lanes), shuffle(builder, other, other, lanes)
        if result is None:
            result = builder.fmul(left, right)
        else:
            result = call(builder, "llvm.fmuladd", left, right, result)
    return result


def _four_sums(builder: Builder, parts: list[Value]) -> Value:
    """Four vectors of 16 lanes -> the four sums of their lanes."""

    def woven(a: Value, b: Value, pairs: list[int]) -> Value:
        """Pairs of lanes from both, within each 128 bits."""
        # Within each 128 bits, as the processors' unpack instructions do it.
        lanes = [base + lane for base in range(0, BLOCK, 4) for lane in pairs]
        return shuffle(builder, a, b, lanes)

    low, high = [0, BLOCK, 1, BLOCK + 1], [2, BLOCK + 2, 3, BLOCK + 3]
    ab, cd = (
        builder.fadd(woven(a, b, low), woven(a, b, high))
        for a, b in ((parts[0], parts[1]), (parts[2], parts[3]))
    )
    low, high = [0, 1, BLOCK, BLOCK + 1], [2, 3, BLOCK + 2, BLOCK + 3]
    sums = builder.fadd(woven(ab, cd, low), woven(ab, cd, high))
    return _halved(builder, _halved(builder, sums, BLOCK // 2), BLOCK // 4)


def _halved(builder: Builder, value: Value, width: int) -> Value:
    """The sum of the lower and the upper half, `width` lanes each."""
    low = shuffle(builder, value, value, list(range(width)))
    high = shuffle(builder, value, value, list(range(width, 2 * width)))
    return builder.fadd(low, high)


@generated(types.void)
def prefetch(builder: Builder, array: Value, element: Value) -> None:
    """Ask for the cache line of an element."""
    pointer = builder.gep(array, [element])
    kind = ll.FunctionType(ll.VoidType(), [pointer.type, INT, INT, INT])
    function = builder.module.declare_intrinsic("llvm.prefetch.p0", (), kind)
    # LLVM's words for it: to be read, with middling locality, as data and not as code.
    builder.call(function, [pointer, INT(0), INT(2), INT(1)])


@generated(types.void)
def transpose(  # noqa: PLR0917 - compiled code passes by position
    builder: Builder,
    images: Value,
    order: Value,
    first: Value,
    size: Value,
    column: Value,
    block: Value,
    lane: Value,
) -> None:
    """Sixteen examples' bytes of sixteen columns, turned into rows of a tile.

    Examples are `order[first]` and the following; each begins at `size` times its number in
    `images`. Column `column + j` of example i goes to `block[column + j, lane + i]`.
    """
    kind = ll.VectorType(BYTE, BLOCK)
    rows = []
    for i in range(BLOCK):
        example = builder.load(builder.gep(order, [builder.add(first, LONG(i))]))
        start = builder.add(builder.mul(builder.sext(example, LONG), size), column)
        rows.append(builder.load(place(builder, images, start, kind), align=1))
    for _ in range(BLOCK.bit_length() - 1):
        # A perfect shuffle of rows and halves, four times, transposes 16 x 16.
        half = BLOCK // 2
        low = [lane_ + offset for lane_ in range(half) for offset in (0, BLOCK)]
        high = [lane_ + half for lane_ in low]
        rows = [
            shuffle(builder, rows[i], rows[i + half], lanes)
            for i in range(half)
            for lanes in (low, high)
        ]
    for j, row in enumerate(rows):
        target = builder.add(row_start(builder, builder.add(column, LONG(j))), lane)
        builder.store(row, place(builder, block, target, kind), align=1)
