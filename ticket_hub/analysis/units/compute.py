"""Units that pruning has cut off, counted in each layer alone and along whole paths."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from ticket_hub.analysis.masked_network import masked_network
from ticket_hub.analysis.subject import Subject
from ticket_hub.analysis.units.reach import LayerReach, Reach, can_reach, reach
from ticket_hub.analysis.wiring import incoming, module_of, outgoing
from ticket_hub.types import Architecture, LayerKind, Mask, PrunableLayer

__all__ = ["LayerUnits", "Units", "compute", "measure_units"]


@dataclass(frozen=True, kw_only=True)
class LayerUnits:
    """The units of one layer: output neurons of a Linear, output channels of a convolution.

    By trial; what is counted along paths is None where the network cannot be probed.

    Attributes:
        layer: its parameter's name.
        kind: `conv`, `fc`, `output` or `shortcut`.
        units: how many there are.
        inputs: features or channels that the layer takes.
        without_incoming: units into which the layer keeps no weight.
        without_outgoing: inputs out of which the layer keeps no weight.
        cut_from_image: units whose own weights no pixel reaches along kept weights.
        cut_from_classes: units from which no class is reached along kept weights.
        dead: units that are either.
        idle: kept weights of the layer that lie on no path from a pixel to a class.
    """

    layer: str
    kind: LayerKind
    units: int
    inputs: int
    without_incoming: tuple[int, ...]
    without_outgoing: tuple[int, ...]
    cut_from_image: tuple[int, ...] | None
    cut_from_classes: tuple[int, ...] | None
    dead: tuple[int, ...] | None
    idle: tuple[int, ...] | None


@dataclass(frozen=True, kw_only=True)
class Units:
    """All layers of the tickets of one level.

    Attributes:
        probed: whether paths could be followed; see `ticket_hub.analysis.units.reach`.
        pixels: numbers of one image.
        unused_pixels: those from which no class is reached, by trial; None if not probed.
        layers: in the order of the network.
    """

    UNITS: ClassVar[Mapping[str, str]] = {
        "without_incoming, cut_from_image, cut_from_classes, dead": "units of the layer, by trial",
        "without_outgoing": "inputs of the layer, by trial",
        "idle": "weights, by trial",
        "unused_pixels": "numbers of one image (channel, row, column), by trial",
    }

    probed: bool
    pixels: int
    unused_pixels: tuple[int, ...] | None
    layers: tuple[LayerUnits, ...]


def compute(subject: Subject) -> Units:
    """The dead units of the tickets of one level."""
    return measure_units(subject.architecture, [ticket.mask for ticket in subject.tickets])


def measure_units(architecture: Architecture, masks: Sequence[Mask]) -> Units:
    """Count units that masks cut off.

    Two ways. In a layer alone: rows and columns of its mask that keep nothing. Along paths: a
    path goes from a pixel through kept weights to a class; identity paths of residual blocks,
    pools and activations conduct, norms and biases neither cut nor feed. A channel of a residual
    block that its last convolution no longer feeds is counted as cut off in that convolution,
    although the identity path may still fill the sum it is added to. A unit that is cut off from
    the image still gives a constant, from its bias or norm.

    Args:
        masks: by trial, at least one.

    Raises:
        MaskMismatchError: a mask is of another network.
        NetworkError: as `ticket_hub.networks.build`.
    """
    module, layers = masked_network(architecture, masks)
    reached = [reach(architecture, mask) for mask in masks] if can_reach(architecture) else None
    pixels = architecture.channels * architecture.height * architecture.width
    return Units(
        probed=reached is not None,
        pixels=pixels,
        unused_pixels=None if reached is None else tuple(each.unused_pixels for each in reached),
        layers=tuple(_layer(each, module, masks, reached) for each in layers),
    )


def _layer(
    layer: PrunableLayer, module: nn.Module, masks: Sequence[Mask], reached: list[Reach] | None
) -> LayerUnits:
    part, name = module_of(module, layer), layer.name
    into = [incoming(mask[name], part) for mask in masks]
    out = [outgoing(mask[name], part) for mask in masks]
    found = None if reached is None else [each.layers[name] for each in reached]
    return LayerUnits(
        layer=name,
        kind=layer.kind,
        units=len(into[0]),
        inputs=len(out[0]),
        without_incoming=tuple(int((each == 0).sum()) for each in into),
        without_outgoing=tuple(int((each == 0).sum()) for each in out),
        cut_from_image=_counts(found, lambda each: int((~each.fed).sum())),
        cut_from_classes=_counts(found, lambda each: int((~each.heard).sum())),
        dead=_counts(found, lambda each: int((~(each.fed & each.heard)).sum())),
        idle=_counts(found, lambda each: each.idle),
    )


def _counts(
    found: list[LayerReach] | None, count: Callable[[LayerReach], int]
) -> tuple[int, ...] | None:
    return None if found is None else tuple(map(count, found))
