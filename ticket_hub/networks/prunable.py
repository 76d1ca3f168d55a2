"""What may be pruned: decided by the type of a module, or marked; never by the text of a name."""

from __future__ import annotations

from typing import TypeVar

from torch import nn
from torch.nn.modules.batchnorm import _NormBase
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
    "unmarked_matrices",
]

PRUNABLE_TYPES = (_ConvNd, nn.Linear)
"""Modules whose weight may be pruned."""
_MARK = "_ticket_kinds"  # of a module: parameter -> kind
_WEIGHT = "weight"
_NEVER_PRUNED = (nn.Embedding, nn.EmbeddingBag, _NormBase, nn.LayerNorm, nn.GroupNorm)

M = TypeVar("M", bound=nn.Module)


class Output(nn.Linear):
    """The last layer, whose outputs are the classes."""


class Shortcut(nn.Conv2d):
    """A convolution that only adapts the identity path of a residual block."""


def set_kind(part: M, kind: LayerKind, *parameters: str) -> M:
    """Give weights of one module a kind, and return it.

    Without `parameters` it is the kind of the weight of a Conv or Linear, which its type does not
    tell; one's own networks can use `Output` and `Shortcut`. Other weights are prunable only if
    they are named here: `weight_ih_l0` and `weight_hh_l0` of an LSTM, `in_proj_weight` of an
    attention, a matrix of one's own. The mark survives copying and pickling.

    Args:
        parameters: of the module itself, each with outputs along axis 0 and inputs along axis 1.

    Raises:
        NetworkError: there is no such kind or parameter, it has fewer than two axes, or none is
            named of a module that is neither a Conv nor a Linear.
    """
    if kind not in LAYER_KINDS or not (parameters or isinstance(part, PRUNABLE_TYPES)):
        raise NetworkError(
            f"A {type(part).__name__} cannot be a prunable layer of kind {kind!r}.",
            f"Give a Conv or Linear module, or name the weights of another one, and one of "
            f"{', '.join(LAYER_KINDS)}.",
        )
    own = dict(part.named_parameters(recurse=False))
    for name in parameters:
        if name not in own or own[name].ndim < 2:  # noqa: PLR2004 - a matrix at least
            matrices = [known for known, value in own.items() if value.ndim > 1]
            raise NetworkError(
                f"A {type(part).__name__} has no weight {name[:80]!r} that could be pruned.",
                f"It has {', '.join(matrices) or 'none'}.",
            )
    marked = vars(part).get(_MARK, {}) | dict.fromkeys(parameters or (_WEIGHT,), kind)
    setattr(part, _MARK, marked)
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
        kinds = _kinds(part)
        own = dict(part.named_parameters(recurse=False)) if kinds else {}
        for leaf in kinds:
            if leaf not in own:
                raise NetworkError(
                    f"The weight {_joined(name, leaf)!r} is computed from other tensors, as "
                    "weight norm, spectral norm and torch.nn.utils.prune do, so there is none that "
                    "could be pruned.",
                    "Build the network without that; in a loop of your own it may be added to "
                    "`step.module`, whose mask holds then too.",
                )
        for leaf, weight in own.items():
            if leaf not in kinds:
                continue
            parameter = _joined(name, leaf)
            if id(weight) in found:
                raise NetworkError(
                    f"The layers {found[id(weight)].name!r} and {parameter!r} share one tensor.",
                    "Give each layer weights of its own.",
                )
            layer = PrunableLayer(name=parameter, kind=kinds[leaf], shape=tuple(weight.shape))
            found[id(weight)] = layer
    return tuple(found.values())


def unmarked_matrices(module: nn.Module) -> dict[str, int]:
    """Parameters with two axes or more that no mask reaches: name -> how many numbers.

    As of recurrent layers, of attentions, and matrices of one's own, as long as nobody has marked
    them with `set_kind`. Embeddings and norms are never pruned, and are not among them.
    """
    found = {}
    for name, part in module.named_modules():
        kinds = _kinds(part)
        for leaf, value in part.named_parameters(recurse=False):
            is_matrix = sum(size > 1 for size in value.shape) > 1
            if is_matrix and leaf not in kinds and not isinstance(part, _NEVER_PRUNED):
                found[_joined(name, leaf)] = value.numel()
    return found


def transposed_layers(module: nn.Module) -> tuple[PrunableLayer, ...]:
    """The prunable layers whose weights have their inputs along axis 0, not axis 1.

    Raises:
        NetworkError: as `prunable_layers`.
    """
    names = {
        _joined(name, _WEIGHT)
        for name, part in module.named_modules()
        if isinstance(part, _ConvTransposeNd)
    }
    return tuple(layer for layer in prunable_layers(module) if layer.name in names)


def _joined(module: str, parameter: str) -> str:
    """A parameter's name in the state dict; the module that is the network has an empty one."""
    return f"{module}.{parameter}" if module else parameter


def _kinds(part: nn.Module) -> dict[str, LayerKind]:
    """What of a module may be pruned: parameter -> kind."""
    marked: dict[str, LayerKind] = vars(part).get(_MARK, {})
    if not isinstance(part, PRUNABLE_TYPES):
        return marked
    usual: LayerKind = "fc" if isinstance(part, nn.Linear) else "conv"
    if isinstance(part, Output):
        usual = "output"
    elif isinstance(part, Shortcut):
        usual = "shortcut"
    return {_WEIGHT: usual} | marked
