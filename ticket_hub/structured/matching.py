"""Units of two networks of one architecture, matched by what they do to the same examples.

The order of the units within a layer means nothing: a network whose units are permuted, in all
layers that they run through, is the same function and trains alike. Two initializations so end in
different orders, and a mask of one is in the wrong places for the other. Where each unit of the one
is told from the activations of both (activation matching; Ainsworth et al. 2023, Git Re-Basin), the
mask can follow (Adnan et al. 2025, sparse-rebasin).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from ticket_hub.networks import build
from ticket_hub.pruning.structure import Structure, UnitGroup
from ticket_hub.shapes import Float64, Int64, Shaped
from ticket_hub.types import Architecture, Weights

__all__ = ["match_units", "permuted_units"]


def permuted_units(
    structure: Structure,
    tensors: Mapping[str, Tensor],
    orders: Mapping[str, Int64[Tensor, " units"]],
) -> dict[str, Tensor]:
    """A mask or a state dict with the units of each group in another order.

    In all layers that they run through: rows, biases and norms, and the columns of their consumers.
    With the same orders for theta0 and mask it is the same network.

    Args:
        orders: by the name of a group, the unit that comes to each place; others stay.

    Shapes:
        any of the network; the result has the same.
    """
    found = {name: value.clone() for name, value in tensors.items()}
    for group in structure.groups:
        if group.name in orders:
            group.reorder(found, orders[group.name])
    return found


def match_units(
    architecture: Architecture,
    structure: Structure,
    one: Weights,
    other: Weights,
    batches: Iterable[Tensor],
) -> dict[str, Int64[Tensor, " units"]]:
    """For each place of the other network the unit of the one that does most nearly the same.

    Group by group the assignment with the largest sum of correlations, over the examples and all
    positions. An activation is what a unit's consumers read, after its norm and its nonlinearity;
    of several consumers the mean correlation counts. A unit that is constant has correlation 0 with
    all others.

    Args:
        one, other: whole state dicts; norms use their running statistics.
        batches: of examples, normalized, `(examples, *input)`.

    Shapes:
        the result, by group: `(units,)`. `permuted_units(structure, mask, result)` is a mask of
        `one` at the places of `other`.
    """
    read: tuple[dict[str, Tensor], dict[str, Tensor]] = ({}, {})
    consumers = {name for group in structure.groups for name in group.columns}
    modules = [
        _watched(architecture, weights, consumers, found)
        for weights, found in zip((one, other), read, strict=True)
    ]
    moments = {
        (group.name, name): _Moments(group.size)
        for group in structure.groups
        for name in group.columns
    }
    with torch.inference_mode():
        for batch in batches:
            for module in modules:
                module(batch.double() if batch.is_floating_point() else batch)
            for group in structure.groups:
                for name, places in group.columns.items():
                    pair = [_by_unit(found[name], places) for found in read]
                    moments[group.name, name].add(*pair)
    return {group.name: _assigned(group, moments) for group in structure.groups}


class _Moments:
    """What correlations between the units of two networks are computed from, in float64."""

    def __init__(self, units: int) -> None:
        self.count = 0
        self.sums = torch.zeros(2, units, dtype=torch.float64)
        self.squares = torch.zeros(2, units, dtype=torch.float64)
        self.products = torch.zeros(units, units, dtype=torch.float64)

    def add(
        self, one: Shaped[Tensor, "samples units"], other: Shaped[Tensor, "samples units"]
    ) -> None:
        """Add the activations of both networks on the same samples."""
        both = torch.stack([one, other])
        self.count += both.shape[1]
        self.sums += both.sum(1)
        self.squares += both.square().sum(1)
        self.products += both[1].T @ both[0]

    def correlations(self) -> Float64[Tensor, "other one"]:
        """Between each unit of the other network and each of the one; 0 with a constant one."""
        means = self.sums / self.count
        # Rounding may leave a constant unit a variance just below 0.
        spreads = (self.squares / self.count - means.square()).clamp(min=0).sqrt()
        covariances = self.products / self.count - torch.outer(means[1], means[0])
        scale = torch.outer(spreads[1], spreads[0])
        return torch.where(scale > 0, covariances / scale, 0.0)


def _assigned(
    group: UnitGroup, moments: Mapping[tuple[str, str], _Moments]
) -> Int64[Tensor, " units"]:
    each = [moments[group.name, name].correlations() for name in group.columns]
    mean = torch.stack(each).mean(0)
    return torch.from_numpy(linear_sum_assignment(mean.numpy(), maximize=True)[1]).long()


def _watched(
    architecture: Architecture, weights: Weights, names: Iterable[str], found: dict[str, Tensor]
) -> nn.Module:
    """The network in float64; what comes into the layers of some weights goes into `found`."""
    # Sums of squares less squares of sums cancel; in float32 little would be left of a small
    # variance.
    module = build(architecture).double().eval()
    module.load_state_dict(dict(weights))

    def keep(name: str, _module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        """Keep what comes into a layer."""
        found[name] = inputs[0]

    for name in names:
        layer = module.get_submodule(name.rpartition(".")[0])
        layer.register_forward_pre_hook(partial(keep, name))
    return module


def _by_unit(
    values: Tensor, places: Int64[Tensor, "units each"]
) -> Shaped[Tensor, "samples units"]:
    """Inputs of a layer, a sample for each example and position; a unit may have several places."""
    # Convolutions have their channels at axis 1, linear layers at the end.
    if values.ndim == 4:  # noqa: PLR2004 - examples, channels, height, width
        values = values.movedim(1, -1)
    flat = values.reshape(-1, values.shape[-1])
    return flat[:, places].transpose(1, 2).reshape(-1, len(places))
