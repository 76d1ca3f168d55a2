"""From another system's tensors to those of a network of ours, value by value unchanged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from ticket_hub.bundle.importers.files import refusal
from ticket_hub.networks import outline
from ticket_hub.types import Architecture, Mask, Weights

__all__ = ["fit_mask", "fit_weights", "match_by_order", "refuse_masked"]

COUNTER = "num_batches_tracked"
_SHOWN = 5


def fit_weights(
    found: Mapping[str, Tensor], names: Mapping[str, str], architecture: Architecture
) -> Weights:
    """The state dict of our network.

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
    shapes = {name: tuple(value.shape) for name, value in ours.items()}
    wrong = sorted(
        name
        for name in {*shapes, *expected.shapes}
        if shapes.get(name) != expected.shapes.get(name)
    )
    if wrong:
        raise refusal(
            f"The weights are not those of {architecture.name!r}: "
            f"{', '.join(wrong[:_SHOWN])} differ or are missing.",
            "Name the network that they are of, with the images and classes that it was made for.",
        )
    return {name: _exactly(name, ours[name], expected.dtypes[name]) for name in expected.shapes}


def _exactly(name: str, value: Tensor, dtype: torch.dtype) -> Tensor:
    converted = value.detach().cpu().to(dtype).contiguous()
    if not torch.equal(converted.to(value.dtype), value.cpu()):
        raise refusal(
            f"{name!r} is of {value.dtype}, or not finite, and cannot be kept exactly as {dtype}.",
            "Convert it yourself, so that the loss is yours to decide.",
        )
    return converted.clone()


def fit_mask(
    found: Mapping[str, Tensor], names: Mapping[str, str], architecture: Architecture
) -> Mask:
    """A mask in our names; layers that it does not name are kept whole.

    Args:
        found: parameter name of the other system -> 0 where pruned, 1 where kept, of any dtype.
        names: their name -> ours.

    Raises:
        ImportRefusedError: a value is neither 0 nor 1, or a pruned tensor is no layer of ours.
    """
    layers = {layer.name: layer.shape for layer in outline(architecture).layers}
    mask = {name: torch.ones(shape, dtype=torch.bool) for name, shape in layers.items()}
    for theirs, value in found.items():
        numbers = value.view(torch.uint8) if value.dtype == torch.bool else value
        keep = numbers == 1
        if not bool((keep | (numbers == 0)).all()):
            raise refusal(f"The mask of {theirs!r} has values beside 0 and 1.")
        name = names.get(theirs, theirs)
        if layers.get(name) == tuple(keep.shape):
            mask[name] = keep
        elif not bool(keep.all()):
            raise refusal(
                f"The mask of {theirs!r} fits no prunable layer of {architecture.name!r}.",
                "Name the network that it was made for.",
            )
    return mask


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


def match_by_order(found: Mapping[str, Tensor], architecture: Architecture) -> dict[str, str]:
    """Their name -> ours where both state dicts have the same shapes in the same order; else empty.

    Only for a mapping that kept the order in which its module was made.
    """
    shapes = outline(architecture).shapes
    same = [tuple(value.shape) for value in found.values()] == list(shapes.values())
    return dict(zip(found, shapes, strict=True)) if same else {}
