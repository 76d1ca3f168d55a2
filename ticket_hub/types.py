"""The few types that every part shares.

`Mask` and `Weights` name PyTorch, which is imported only where one of them is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ticket_hub.recipe.pruning_spec import LayerKind

__all__ = [
    "Architecture",
    "LayerKind",
    "Mask",
    "Option",
    "PrunableLayer",
    "Weights",
    "Word",
]

Word: TypeAlias = Literal["winning", "matching", "not distinguishable", "losing"]
"""What the evidence says of a ticket; see `ticket_hub.evidence.verdict`."""

if TYPE_CHECKING:
    from torch import Tensor

    Weights: TypeAlias = Mapping[str, Tensor]
    """A state dict: parameter or buffer name -> values. Parameters are float32."""

    Mask: TypeAlias = Mapping[str, Tensor]
    """Prunable parameter name -> bool tensor of the parameter's shape; True is kept."""


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a type
    if name not in {"Mask", "Weights"}:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from torch import Tensor  # slow to import, and no other type here needs it

    return Mapping[str, Tensor]


Option: TypeAlias = bool | int | float | str
"""The value of an option of a network, as recipes and manifests have it."""


@dataclass(frozen=True, kw_only=True)
class PrunableLayer:
    """One weight tensor that may be pruned.

    Attributes:
        name: the parameter's name in the network's state dict.
        kind: decided by the module's type and place, never by its name.
        shape: of the weight.
    """

    name: str
    kind: LayerKind
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of weights."""
        total = 1
        for extent in self.shape:
            total *= extent
        return total


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """A network, complete: everything that is needed to build the module, and nothing else.

    Attributes:
        name: in the registry of networks, such as `lenet-300-100` or `timm:resnet18`.
        options: typed options in the order of their names.
        channels: of the input image.
        height: of the input image, in pixels.
        width: of the input image, in pixels.
        classes: number of outputs.
    """

    name: str
    options: tuple[tuple[str, Option], ...] = ()
    channels: int
    height: int
    width: int
    classes: int

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """`(channels, height, width)` of one image."""
        return (self.channels, self.height, self.width)
