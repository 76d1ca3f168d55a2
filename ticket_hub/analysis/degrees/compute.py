"""How many kept weights lead into and out of each unit (Frankle & Carbin 2019, appendix)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from ticket_hub.analysis.distribution import Distribution, summarize
from ticket_hub.analysis.subject import Subject
from ticket_hub.analysis.wiring import incoming, module_of, outgoing
from ticket_hub.networks import blank_module, prunable_layers
from ticket_hub.pruning.masks import check_layers
from ticket_hub.types import Architecture, Mask, PrunableLayer

__all__ = ["Degrees", "LayerDegrees", "compute", "measure_degrees"]


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
    """

    layer: str
    kind: str
    fan_in: int
    fan_out: int
    incoming: Distribution
    outgoing: Distribution


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
    module = blank_module(architecture)
    layers = prunable_layers(module)
    for mask in masks:
        check_layers(layers, mask)
    return Degrees(trials=len(masks), layers=tuple(_layer(each, module, masks) for each in layers))


def _layer(layer: PrunableLayer, module: nn.Module, masks: Sequence[Mask]) -> LayerDegrees:
    part = module_of(module, layer)
    full = torch.ones(layer.shape, dtype=torch.bool)
    into = torch.cat([incoming(mask[layer.name], part) for mask in masks])
    out = torch.cat([outgoing(mask[layer.name], part) for mask in masks])
    return LayerDegrees(
        layer=layer.name,
        kind=layer.kind,
        fan_in=int(incoming(full, part)[0]),
        fan_out=int(outgoing(full, part)[0]),
        incoming=summarize(into),
        outgoing=summarize(out),
    )
