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
from typing import Literal, TypeAlias

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from ticket_hub.networks import build
from ticket_hub.pruning.structure import Structure, UnitGroup
from ticket_hub.shapes import Float64, Int64, Shaped
from ticket_hub.types import Architecture, Weights

__all__ = ["match_units", "permuted_units"]

Side: TypeAlias = Literal["inputs", "outputs"]
Source: TypeAlias = tuple[str, Side]
"""The weight of a layer, and which side of that layer is looked at."""


def permuted_units(
    structure: Structure,
    tensors: Mapping[str, Tensor],
    orders: Mapping[str, Int64[Tensor, "units ..."]],
) -> dict[str, Tensor]:
    """A mask or a state dict with the units of each group in another order.

    In all layers that they run through: rows, biases and norms, and the columns of their consumers.
    With the same orders for theta0 and mask it is the same network.

    Args:
        orders: by the name of a group, the unit that comes to each place, `(units,)`; by the name
            of what has no order within units, such as the features of heads, the part that comes
            to each place of each unit, `(units, parts)`, after the units have moved. Others stay.

    Shapes:
        any of the network; the result has the same.
    """
    found = {name: value.clone() for name, value in tensors.items()}
    for group in structure.groups:
        if group.name in orders:
            group.reorder(found, orders[group.name])
        for inner in group.inner:
            if inner.name in orders:
                inner.reorder(found, orders[inner.name])
    return found


def match_units(
    architecture: Architecture,
    structure: Structure,
    one: Weights,
    other: Weights,
    batches: Iterable[Tensor],
) -> dict[str, Int64[Tensor, "units ..."]]:
    """For each place of the other network the unit of the one that does most nearly the same.

    Group by group the assignment with the largest sum of correlations, over the examples and all
    positions. An activation is what a unit's consumers read, after its norm and its nonlinearity;
    of several consumers the mean correlation counts. A unit that is constant has correlation 0 with
    all others. Two attention heads are as alike as the best assignment of their features makes
    them: of values, which the output reads, and of queries and keys, which go together.

    Args:
        one, other: whole state dicts; norms use their running statistics.
        batches: of examples, normalized, `(examples, *input)`.

    Shapes:
        the result, by group: `(units,)`, and by what has no order within units: `(units, parts)`.
        `permuted_units(structure, mask, result)` is a mask of `one` at the places of `other`.
    """
    watched = {key: places for group in structure.groups for key, places in _read(group).items()}
    moments = {key: _Moments(len(places)) for key, places in watched.items()}
    seen: tuple[dict[Source, Tensor], dict[Source, Tensor]] = ({}, {})
    modules = [
        _watched(architecture, weights, {source for _, source in watched}, found)
        for weights, found in zip((one, other), seen, strict=True)
    ]
    with torch.inference_mode():
        for batch in batches:
            for module in modules:
                module(batch.double() if batch.is_floating_point() else batch)
            for (name, source), places in watched.items():
                pair = [_by_unit(found[source], places) for found in seen]
                moments[name, source].add(*pair)
    orders: dict[str, Tensor] = {}
    for group in structure.groups:
        orders |= _orders_of(group, moments)
    return orders


def _read(group: UnitGroup) -> dict[tuple[str, Source], Int64[Tensor, "units each"]]:
    """What of a group is compared: its own units, or the parts of all units, one after the other.

    Where nobody reads parts as they are, as queries and keys, what comes out of their layers is.
    """
    if not group.inner:
        return {(group.name, (name, "inputs")): places for name, places in group.columns.items()}
    found = {}
    for inner in group.inner:
        side: Side = "inputs" if inner.columns else "outputs"
        for name, places in (inner.columns or inner.rows).items():
            if name.endswith(".weight"):
                found[inner.name, (name, side)] = places.flatten(0, 1)
    return found


def _orders_of(
    group: UnitGroup, moments: Mapping[tuple[str, Source], _Moments]
) -> dict[str, Tensor]:
    """The order of the units of a group, and of the parts of each where these have none."""

    def alike(name: str) -> Tensor:
        """Mean correlations over all that is read of units, or of the parts of all units."""
        each = [found.correlations() for (of, _), found in moments.items() if of == name]
        return torch.stack(each).mean(0)

    if not group.inner:
        return {group.name: _assigned(alike(group.name))}
    size = group.size
    likeness = torch.zeros(size, size, dtype=torch.float64)
    best: dict[str, Tensor] = {}
    for inner in group.inner:
        parts = alike(inner.name)
        count = len(parts) // size
        pairs = parts.view(size, count, size, count).transpose(1, 2)
        order = torch.stack([torch.stack([_assigned(pair) for pair in row]) for row in pairs])
        likeness += pairs.gather(3, order.unsqueeze(3)).sum((2, 3)) / count
        best[inner.name] = order
    units = _assigned(likeness)
    places = torch.arange(size)
    return {group.name: units} | {name: order[places, units] for name, order in best.items()}


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


def _assigned(likeness: Float64[Tensor, "other one"]) -> Int64[Tensor, " other"]:
    return torch.from_numpy(linear_sum_assignment(likeness.numpy(), maximize=True)[1]).long()


def _watched(
    architecture: Architecture,
    weights: Weights,
    sources: Iterable[Source],
    found: dict[Source, Tensor],
) -> nn.Module:
    """The network in float64; what comes into, or out of, the layers of some weights is kept."""
    module = build(architecture).double().eval()
    module.load_state_dict(dict(weights))

    def keep_inputs(source: Source, _module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        """Keep what a layer reads."""
        found[source] = inputs[0]

    def keep_outputs(
        source: Source, _module: nn.Module, _inputs: tuple[Tensor, ...], outputs: Tensor
    ) -> None:
        """Keep what a layer gives."""
        found[source] = outputs

    for source in sources:
        layer = module.get_submodule(source[0].rpartition(".")[0])
        if source[1] == "inputs":
            layer.register_forward_pre_hook(partial(keep_inputs, source))
        else:
            layer.register_forward_hook(partial(keep_outputs, source))
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
