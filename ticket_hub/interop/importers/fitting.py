"""From another system's tensors to those of a network of ours, value by value unchanged."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from typing import TypeAlias

import torch
from torch import Tensor

from ticket_hub.bundle.packing import packed_size
from ticket_hub.interop.importers.naming import bare_names, spellings
from ticket_hub.interop.importers.refusals import refusal
from ticket_hub.networks import outline
from ticket_hub.types import Architecture, Mask, Weights

__all__ = ["fit_mask", "fit_weights", "refuse_masked"]

Shape: TypeAlias = tuple[int, ...]

COUNTER = "num_batches_tracked"
PARAMETRIZED = "parametrizations."
_SHOWN = 5


def fit_weights(
    found: Mapping[str, Tensor], names: Mapping[str, str], architecture: Architecture
) -> Weights:
    """The state dict of our network, in its shapes and dtypes.

    Args:
        found: the other system's tensors.
        names: their name -> ours; what is not named here is left out.

    Raises:
        ImportRefusedError: names or shapes are not those of the network, or a value would change.
    """
    expected = outline(architecture)
    ours = {names[name]: value for name, value in found.items() if name in names}
    for name, shape in expected.shapes.items():
        if name not in ours and name.rpartition(".")[2] == COUNTER:
            ours[name] = torch.zeros(shape, dtype=expected.dtypes[name])
    if any(PARAMETRIZED in name for name in ours):
        raise refusal(
            "The weights are those of a parametrized module, which computes them from others.",
            "Make them plain first: `torch.nn.utils.parametrize.remove_parametrizations`.",
        )
    shapes = {name: tuple(value.shape) for name, value in ours.items()}
    wrong = [
        _difference(name, shapes.get(name), expected.shapes.get(name))
        for name in sorted({*shapes, *expected.shapes})
        if shapes.get(name) != expected.shapes.get(name)
    ]
    if wrong:
        more = f" (and {len(wrong) - _SHOWN} more)" if len(wrong) > _SHOWN else ""
        raise refusal(
            f"The weights are not those of {architecture.name!r}: "
            f"{', '.join(wrong[:_SHOWN])}{more}.",
            "Name the network that they are of, with the images and classes that it was made for.",
        )
    return {name: _exactly(name, ours[name], expected.dtypes[name]) for name in expected.shapes}


def _difference(name: str, found: Shape | None, expected: Shape | None) -> str:
    if found is None:
        return f"{name!r} is missing"
    if expected is None:
        return f"{name!r} is not in the network"
    return f"{name!r} is {_other_shape(found, expected)}"


def _other_shape(found: Shape, expected: Shape) -> str:
    """What is wrong with a shape, as the end of a sentence."""
    text = f"of shape {found}, where the network has {expected}"
    if len(found) > 1 and (found[1], found[0], *found[2:]) == expected:
        return f"transposed: {text}"
    if found == (math.prod(expected),):
        return f"flattened: {text}"
    if found == (packed_size(expected),):
        return f"packed into bits, as bundles keep masks: {text}"
    return text


def _exactly(name: str, value: Tensor, dtype: torch.dtype) -> Tensor:
    converted = value.detach().cpu().to(dtype).contiguous()
    if not torch.equal(converted.to(value.dtype), value.cpu()):
        raise refusal(
            f"{name!r} is of {value.dtype}, or not finite, and cannot be kept exactly as {dtype}.",
            "Convert it yourself, so that the loss is yours to decide.",
        )
    return converted.clone()


def fit_mask(
    found: Mapping[str, Tensor], names: Mapping[str, str], architecture: Architecture, source: str
) -> Mask:
    """A mask in our names, bool `(*layer)` each; layers that it does not name are kept whole.

    Args:
        found: a name as `naming.spellings` has them -> 0 where pruned, 1 where kept, of any dtype.
        names: name of the other system's weights -> ours.
        source: the file or level that it is from, for errors.

    Raises:
        ImportRefusedError: a value is neither 0 nor 1, a tensor is no layer of ours, or none is.
    """
    expected = outline(architecture)
    layers = {layer.name: layer.shape for layer in expected.layers}
    mask = {name: torch.ones(shape, dtype=torch.bool) for name, shape in layers.items()}
    spelled = spellings(names, expected.shapes)
    bare, fitting = bare_names(found, spelled), set()
    for theirs, value in found.items():
        keep, name = _kept(theirs, value, source), spelled.get(bare[theirs], "")
        if layers.get(name) == tuple(keep.shape) and name not in fitting:
            mask[name] = keep
            fitting.add(name)
        elif name not in expected.shapes or name in layers or not bool(keep.all()):
            raise refusal(
                f"The mask of {theirs!r} in {source} fits no prunable layer of "
                f"{architecture.name!r}: {_no_layer(keep, name, layers, fitting)}.",
                "Name the network that it was made for, or save the mask as that layer needs it.",
            )
    if not fitting:
        raise refusal(
            f"{source} has no mask of a layer of {architecture.name!r}.",
            f"Its layers are {', '.join(layers)}; name the network that it was made for.",
        )
    return mask


def _kept(theirs: str, value: Tensor, source: str) -> Tensor:
    """True where a mask is 1."""
    numbers = value.view(torch.uint8) if value.dtype == torch.bool else value
    keep = numbers == 1
    other = numbers[~(keep | (numbers == 0))]
    if other.numel():
        raise refusal(
            f"The mask of {theirs!r} in {source} has values beside 0 and 1, such as "
            f"{other[0].item():.4g}.",
            "Scores and weights are no mask: save 1 for what is kept and 0 for what is dropped.",
        )
    return keep


def _no_layer(
    keep: Tensor, name: str, layers: Mapping[str, Shape], fitting: Collection[str]
) -> str:
    """Why a mask is of no layer, as the end of a sentence."""
    if name in fitting:
        return f"there is another mask of {name!r}"
    if name in layers:
        return f"it is {_other_shape(tuple(keep.shape), layers[name])}"
    if name:
        return (
            "biases and norms are never pruned, other weights where "
            "`ticket_hub.networks.set_kind` marks them"
        )
    return f"the network has no such parameter, and its layers are {', '.join(layers)}"


def refuse_masked(theta0: Weights, masks: Iterable[Mask]) -> None:
    """Refuse starting weights that are masked already: everything that a mask drops is 0.

    Raises:
        ImportRefusedError: theta0 is not dense.
    """
    for mask in masks:
        dropped = sum(int((~keep).sum()) for keep in mask.values())
        alive = sum(int((theta0[name][~keep] != 0).sum()) for name, keep in mask.items())
        if dropped and not alive:
            raise refusal(
                f"theta0 is masked already: all {dropped:,} weights that its mask drops are 0, "
                "so the dense starting weights cannot be had from it.",
                "Give the weights from before pruning: level 0, the initialization, or the step "
                "that was rewound to.",
            )
