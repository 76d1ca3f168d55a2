"""Kinds and shapes of arrays in annotations: jaxtyping's names.

The tests check them whenever a function is called. Elsewhere they are for readers, so that the core
also runs where jaxtyping is not installed; there they stand for any array.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Float32, Float64, Int64, Shaped, UInt8
else:
    try:
        from jaxtyping import Bool, Float, Float32, Float64, Int64, Shaped, UInt8
    except ModuleNotFoundError:

        class _Unchecked:
            def __class_getitem__(cls, _shape: object) -> object:
                return Any

        Bool = Float = Float32 = Float64 = Int64 = Shaped = UInt8 = _Unchecked

__all__ = ["Bool", "Float", "Float32", "Float64", "Int64", "Shaped", "UInt8"]
