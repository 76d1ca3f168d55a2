"""Networks whose first values nobody reads are made without drawing them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

__all__ = ["Undrawn"]

FILLS = frozenset(
    [
        *("uniform_", "normal_", "trunc_normal_", "erfinv_", "fill_", "zero_"),
        *("kaiming_uniform_", "kaiming_normal_", "xavier_uniform_", "xavier_normal_"),
        *("mul_", "div_", "add_", "sub_", "clamp_"),
    ]
)
"""What initializations call, each of which gives the tensor that it has filled."""


class Undrawn(TorchFunctionMode):
    """Leaves parameters as the memory is where a constructor would fill them, and tensors on meta.

    On the meta device, which has no values, PyTorch would work out the shape of each step of an
    initialization in Python, and import its compiler for the first: seconds for networks of timm.
    """

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: Iterable[type],
        args: tuple[object, ...] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        """Give back what is to be filled."""
        del types
        given = kwargs or {}
        if getattr(func, "__name__", "") in FILLS:
            target = args[0] if args else given.get("tensor")
            if isinstance(target, Tensor) and (
                target.is_meta or (isinstance(target, nn.Parameter) and _is_weight(target))
            ):
                return target
        return func(*args, **given)


def _is_weight(value: Tensor) -> bool:
    """Numbers that stand alone, and places, are kept as they were made."""
    return value.ndim > 0 and value.is_floating_point()
