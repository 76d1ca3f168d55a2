"""What may be pruned: decided by the type of a module, never by the text of a name."""

from __future__ import annotations

from torch import nn

from ticket_hub.types import LayerKind, PrunableLayer

__all__ = ["Output", "Shortcut", "prunable_layers"]


class Output(nn.Linear):
    """The last layer, whose outputs are the classes."""


class Shortcut(nn.Conv2d):
    """A convolution that only adapts the identity path of a residual block."""


def prunable_layers(module: nn.Module) -> tuple[PrunableLayer, ...]:
    """Every weight tensor that may be pruned, in the order of the state dict.

    Weights of convolutions and linear layers; biases and norms never.
    """
    found = []
    for name, part in module.named_modules():
        kind = _kind(part)
        if kind is not None:
            parameter = f"{name}.weight" if name else "weight"
            shape = tuple(part.get_parameter("weight").shape)
            found.append(PrunableLayer(name=parameter, kind=kind, shape=shape))
    return tuple(found)


def _kind(part: nn.Module) -> LayerKind | None:
    kinds: tuple[tuple[type[nn.Module], LayerKind], ...] = (
        (Output, "output"),
        (Shortcut, "shortcut"),
        (nn.Linear, "fc"),
        (nn.Conv1d, "conv"),
        (nn.Conv2d, "conv"),
        (nn.Conv3d, "conv"),
    )
    for known, kind in kinds:
        if isinstance(part, known):
            return kind
    return None
