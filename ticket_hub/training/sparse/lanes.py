"""How a tile of 64 lanes becomes a value of its own in numba's compiled code."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeAlias

import llvmlite.ir as ll
from numba import errors, types
from numba.extending import intrinsic, models, register_model

__all__ = [
    "BLOCK",
    "BYTE",
    "FLOAT",
    "INT",
    "INTEGERS",
    "LANES",
    "LONG",
    "PAIRS",
    "TILE",
    "Builder",
    "Value",
    "call",
    "generated",
    "integers",
    "numbers",
    "place",
    "row_start",
    "shuffle",
    "tile",
]

LANES = 64
BLOCK = 16  # examples and columns that are transposed at once

# llvmlite and numba carry no types of their own.
Builder: TypeAlias = Any
Value: TypeAlias = Any
Numba: TypeAlias = Any
Generate: TypeAlias = Callable[..., Value]

FLOAT, INT, LONG, BYTE = ll.FloatType(), ll.IntType(32), ll.IntType(64), ll.IntType(8)
TILE, INTEGERS = ll.VectorType(FLOAT, LANES), ll.VectorType(INT, LANES)
PAIRS = ll.VectorType(INT, LANES // 2)


class Tile(types.Type):  # type: ignore[misc]
    """The numba type of 64 float32 values in registers."""

    def __init__(self) -> None:
        super().__init__(name="TicketHubTile64")


tile = Tile()


@register_model(Tile)
class TileModel(models.PrimitiveModel):  # type: ignore[misc]
    """How LLVM holds a tile."""

    def __init__(self, manager: Numba, kind: Numba) -> None:
        super().__init__(manager, kind, TILE)


def generated(result: Numba) -> Callable[[Generate], Numba]:
    """Make an intrinsic of a function that takes a builder and LLVM values.

    Arrays arrive as pointers to their first element, integers as 64 bits.
    """

    def wrap(generate: Generate) -> Numba:
        """Make the intrinsic of one function."""
        # Without the checks of argument types that the tests wrap round every function.
        plain = inspect.unwrap(generate)

        def definition(context: Numba, *kinds: Numba) -> Numba:
            """What numba asks: the types, and what makes the code."""
            del context
            returned = kinds[0].dtype if result is None else result
            return returned(*kinds), lower

        def lower(context: Numba, builder: Builder, signature: Numba, values: Numba) -> Value:
            """Make the code: arrays as pointers, integers as 64 bits, then the function's."""
            plainer = [
                _lowered(context, builder, kind, value)
                for kind, value in zip(signature.args, values, strict=True)
            ]
            returned = plain(builder, *plainer)
            return context.get_dummy_value() if returned is None else returned

        parameters = list(inspect.signature(plain).parameters.values())
        # numba reads how many arguments an intrinsic takes, and their names, from its signature; in
        # ours the builder stands where numba's context does.
        definition.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [parameters[0].replace(name="context"), *parameters[1:]]
        )
        definition.__name__, definition.__doc__ = plain.__name__, plain.__doc__
        return intrinsic(definition)

    return wrap


def _lowered(context: Numba, builder: Builder, kind: Numba, value: Value) -> Value:
    if isinstance(kind, types.Array):
        if kind.layout != "C":
            raise errors.TypingError("Tiles are rows of C-contiguous arrays.")
        return context.make_array(kind)(context, builder, value).data
    if isinstance(kind, types.Integer):
        return context.cast(builder, value, kind, types.intp)
    return value


def numbers(value: float) -> Value:
    """One number in all lanes, as a constant."""
    return ll.Constant(TILE, [value] * LANES)


def integers(value: int) -> Value:
    """One 32-bit integer in all lanes, as a constant."""
    return ll.Constant(INTEGERS, [value] * LANES)


def place(builder: Builder, pointer: Value, element: Value, kind: Numba) -> Value:
    """The address of `element`, as that of a vector."""
    return builder.bitcast(builder.gep(pointer, [element]), kind.as_pointer())


def row_start(builder: Builder, row: Value) -> Value:
    """The first element of a row of tiles."""
    return builder.mul(row, LONG(LANES))


def call(builder: Builder, name: str, *values: Value) -> Value:
    """Call one of LLVM's own functions of float32 vectors."""
    kind = values[0].type
    signature = ll.FunctionType(kind, [kind] * len(values))
    function = builder.module.declare_intrinsic(f"{name}.v{kind.count}f32", (), signature)
    return builder.call(function, values)


def shuffle(builder: Builder, a: Value, b: Value, lanes: list[int]) -> Value:
    """Pick lanes from `a`, then `b`."""
    mask = ll.Constant(ll.VectorType(INT, len(lanes)), lanes)
    return builder.shuffle_vector(a, b, mask)
