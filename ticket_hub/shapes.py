"""Kinds and shapes of arrays in annotations: jaxtyping's names.

The tests check them whenever a function is called: they import jaxtyping before the core. Elsewhere
they are for readers and stand for any array: the core needs no jaxtyping, and waits for none.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING or sys.modules.get("jaxtyping"):  # None where it was hidden
    from jaxtyping import Bool, Float, Float32, Float64, Int64, Shaped, UInt8
else:

    class _Unchecked:
        def __class_getitem__(cls, _shape: object) -> object:
            return Any

    Bool = Float = Float32 = Float64 = Int64 = Shaped = UInt8 = _Unchecked

__all__ = ["Bool", "Float", "Float32", "Float64", "Int64", "Shaped", "UInt8"]
