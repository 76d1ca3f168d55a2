"""How many kept weights lead into and out of each unit (Frankle & Carbin 2019, appendix)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor, nn

from ticket_hub.analysis.distribution import Distribution, summarize
from ticket_hub.analysis.masked_network import masked_network
from ticket_hub.analysis.measure import TrialMeasure, layer_of
from ticket_hub.analysis.subject import Subject
from ticket_hub.analysis.wiring import incoming, module_of, outgoing
from ticket_hub.recipe.spec import LATER
from ticket_hub.types import Architecture, LayerKind, Mask, PrunableLayer

__all__ = ["MEASURES", "Degrees", "LayerDegrees", "compute", "excess", "measure_degrees"]


@dataclass(frozen=True, kw_only=True)
class LayerDegrees:
    """Kept weights at the units of one layer, counted in its own mask.

    Attributes:
        layer: its parameter's name.
        kind: `conv`, `fc`, `output` or `shortcut`.
        fan_in: weights into each unit (output neuron or channel) before pruning.
        fan_out: weights out of each input (feature or channel) before pruning.
        incoming: kept weights into a unit, over the units of all trials.
        outgoing: kept weights out of an input, over the inputs of all trials.
        incoming_excess, outgoing_excess: by trial, how much less even they are than if as many
            weights were kept at random: the Gini coefficient minus that of chance, see `excess`;
            None where nothing is kept.
    """

    layer: str
    kind: LayerKind
    fan_in: int
    fan_out: int
    incoming: Distribution
    outgoing: Distribution
    incoming_excess: tuple[float | None, ...] = field(default=(), metadata=LATER)
    outgoing_excess: tuple[float | None, ...] = field(default=(), metadata=LATER)


@dataclass(frozen=True, kw_only=True)
class Degrees:
    """All layers of the tickets of one level.

    Attributes:
        trials: how many were pooled.
        layers: in the order of the network.
    """

    UNITS: ClassVar[Mapping[str, str]] = {
        "incoming, fan_in": "weights of the layer into one of its units",
        "outgoing, fan_out": "weights of the layer out of one of its inputs",
        "n": "units or inputs of all trials",
        "incoming_excess, outgoing_excess": "Gini coefficient (0: even, 1: one has all), minus "
        "that of as many weights kept at random",
    }

    trials: int
    layers: tuple[LayerDegrees, ...]


def compute(subject: Subject) -> Degrees:
    """The kept weights at each unit of the tickets of one level."""
    return measure_degrees(subject.architecture, [ticket.mask for ticket in subject.tickets])


def measure_degrees(architecture: Architecture, masks: Sequence[Mask]) -> Degrees:
    """Count kept weights into every unit and out of every input of each layer.

    Args:
        masks: by trial, at least one.

    Raises:
        MaskMismatchError: a mask is of another network.
        NetworkError: as `ticket_hub.networks.build`.
    """
    module, layers = masked_network(architecture, masks)
    return Degrees(trials=len(masks), layers=tuple(_layer(each, module, masks) for each in layers))


def _layer(layer: PrunableLayer, module: nn.Module, masks: Sequence[Mask]) -> LayerDegrees:
    part = module_of(module, layer)
    full = torch.ones(layer.shape, dtype=torch.bool)
    into = [incoming(mask[layer.name], part) for mask in masks]
    out = [outgoing(mask[layer.name], part) for mask in masks]
    fan_in, fan_out = int(incoming(full, part)[0]), int(outgoing(full, part)[0])
    return LayerDegrees(
        layer=layer.name,
        kind=layer.kind,
        fan_in=fan_in,
        fan_out=fan_out,
        incoming=summarize(torch.cat(into)),
        outgoing=summarize(torch.cat(out)),
        incoming_excess=tuple(excess(counts, fan_in) for counts in into),
        outgoing_excess=tuple(excess(counts, fan_out) for counts in out),
    )


def excess(counts: Tensor, fan: int) -> float | None:
    """How much less evenly weights are spread than if as many were kept at random.

    The Gini coefficient of the counts minus that of hypergeometric counts with the same sum, to
    about 1% of the latter. None where nothing is kept.

    Args:
        counts: kept weights of each unit.
        fan: all weights of each unit.

    Shapes:
        `counts`: `(units,)`.
    """
    from scipy import stats  # slow to import

    ordered = counts.double().cpu().sort().values
    units, kept = len(ordered), float(ordered.sum())
    if not kept:
        return None
    places = torch.arange(1, units + 1, dtype=torch.float64)
    gini = float(((2 * places - units - 1) * ordered).sum()) / (units * kept)
    below = stats.hypergeom(units * fan, int(kept), fan).cdf(range(fan))
    chance = float((below * (1 - below)).sum()) / (kept / units)
    # That is of independent counts. Of n with one sum each unit is a pair with itself too, which
    # takes (n - 1) / n, and the others differ by sqrt(n / (n - 1)) as much.
    return gini - chance * math.sqrt((units - 1) / units)


def _more_concentrated_out(result: Degrees, layer: str) -> list[float | None]:
    found = layer_of(result, layer)
    pairs = zip(found.outgoing_excess, found.incoming_excess, strict=True)
    return [None if None in pair else pair[0] - pair[1] for pair in pairs]


MEASURES = {
    "incoming": TrialMeasure(lambda result, layer: layer_of(result, layer).incoming_excess),
    "outgoing": TrialMeasure(lambda result, layer: layer_of(result, layer).outgoing_excess),
    "concentration": TrialMeasure(_more_concentrated_out),
}
"""`concentration`: by how much the outgoing exceed chance more than the incoming do."""
