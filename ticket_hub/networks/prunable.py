"""What may be pruned: decided by the type of a module, never by the text of a name."""

from __future__ import annotations

from typing import TypeVar

from torch import nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from ticket_hub.errors import NetworkError
from ticket_hub.recipe.pruning_spec import LAYER_KINDS
from ticket_hub.types import LayerKind, PrunableLayer

__all__ = [
    "PRUNABLE_TYPES",
    "Output",
    "Shortcut",
    "prunable_layers",
    "set_kind",
    "transposed_layers",
]

PRUNABLE_TYPES = (_ConvNd, nn.Linear)
"""Modules whose weight may be pruned."""
_MARK = "_ticket_kind"

M = TypeVar("M", bound=nn.Module)


class Output(nn.Linear):
    """The last layer, whose outputs are the classes."""


class Shortcut(nn.Conv2d):
    """A convolution that only adapts the identity path of a residual block."""


def set_kind(part: M, kind: LayerKind) -> M:
    """Give one Conv or Linear module a kind that its type does not tell, and return it.

    For networks made of others' modules; one's own can use `Output` and `Shortcut`. The mark
    survives copying and pickling.

    Raises:
        NetworkError: the module is neither a Conv nor a Linear, or there is no such kind.
    """
    if not isinstance(part, PRUNABLE_TYPES) or kind not in LAYER_KINDS:
        raise NetworkError(
            f"A {type(part).__name__} cannot be a prunable layer of kind {kind!r}.",
            f"Give a Conv or Linear module and one of {', '.join(LAYER_KINDS)}.",
        )
    setattr(part, _MARK, kind)
    return part


def prunable_layers(module: nn.Module) -> tuple[PrunableLayer, ...]:
    """Every weight tensor that may be pruned and its kind, in the order of the state dict.

    Weights of convolutions and linear layers; biases and norms never.

    Raises:
        NetworkError: two layers share one weight tensor, or one layer stands in two places: the
            state dict would have its weights under two names, and a mask only under one. Or a
            layer computes its weight from others, as with weight norm.
    """
    found: dict[int, PrunableLayer] = {}
    # With duplicates, so that a layer that stands in two places is seen twice and refused.
    for name, part in module.named_modules(remove_duplicate=False):
        if not isinstance(part, PRUNABLE_TYPES):
            continue
        weight = part.weight
        parameter = f"{name}.weight" if name else "weight"
        if "weight" not in dict(part.named_parameters(recurse=False)):
            raise NetworkError(
                f"The weight {parameter!r} is computed from other tensors, as weight norm, "
                "spectral norm and torch.nn.utils.prune do, so there is none that could be pruned.",
                "Build the network without that; in a loop of your own it may be added to "
                "`step.module`, whose mask holds then too.",
            )
        if id(weight) in found:
            raise NetworkError(
                f"The layers {found[id(weight)].name!r} and {parameter!r} share one tensor.",
                "Give each layer weights of its own.",
            )
        layer = PrunableLayer(name=parameter, kind=_kind(part), shape=tuple(weight.shape))
        found[id(weight)] = layer
    return tuple(found.values())


def transposed_layers(module: nn.Module) -> tuple[PrunableLayer, ...]:
    """The prunable layers whose weights have their inputs along axis 0, not axis 1.

    Raises:
        NetworkError: as `prunable_layers`.
    """
    names = {
        f"{name}.weight" if name else "weight"
        for name, part in module.named_modules()
        if isinstance(part, _ConvTransposeNd)
    }
    return tuple(layer for layer in prunable_layers(module) if layer.name in names)


def _kind(part: nn.Module) -> LayerKind:
    marked: LayerKind | None = getattr(part, _MARK, None)
    if marked is not None:
        return marked
    if isinstance(part, Output):
        return "output"
    if isinstance(part, Shortcut):
        return "shortcut"
    return "fc" if isinstance(part, nn.Linear) else "conv"
