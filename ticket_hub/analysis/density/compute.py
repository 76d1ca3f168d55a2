"""How the kept weights lie over the layers, and which layers are near collapse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from ticket_hub.analysis.subject import Subject
from ticket_hub.pruning.masks import check_layers, kept_by_layer
from ticket_hub.types import LayerKind, Mask, PrunableLayer

__all__ = ["NEAR_COLLAPSE", "Density", "LayerReading", "compute", "measure_density"]

NEAR_COLLAPSE = 2.0
"""A layer that keeps fewer weights for each of its units, on the mean, is near collapse.

At one weight a unit the next round cannot but leave a unit without input.
"""


@dataclass(frozen=True, kw_only=True)
class LayerReading:
    """One layer.

    Attributes:
        layer: its parameter's name.
        kind: `conv`, `fc`, `output` or `shortcut`.
        size: number of weights.
        units: output neurons, or output channels of a convolution.
        kept: weights kept, by trial.
        near_collapse: whether some trial keeps fewer than the threshold for each unit.
    """

    layer: str
    kind: LayerKind
    size: int
    units: int
    kept: tuple[int, ...]
    near_collapse: bool

    @property
    def densities(self) -> tuple[float, ...]:
        """Kept weights over all of the layer, by trial."""
        return tuple(kept / self.size for kept in self.kept)

    @property
    def least_per_unit(self) -> float:
        """Kept weights for each unit, in the trial that keeps the fewest."""
        return min(self.kept) / self.units


@dataclass(frozen=True, kw_only=True)
class Density:
    """All layers of the tickets of one level.

    Attributes:
        threshold: kept weights a unit below which a layer is near collapse.
        layers: in the order of the network.
    """

    UNITS: ClassVar[Mapping[str, str]] = {
        "kept": "weights, by trial",
        "size": "weights",
        "units": "output neurons or channels",
        "threshold": "kept weights for each unit of the layer",
    }

    threshold: float
    layers: tuple[LayerReading, ...]

    @property
    def near_collapse(self) -> tuple[str, ...]:
        """The layers near collapse."""
        return tuple(each.layer for each in self.layers if each.near_collapse)


def compute(subject: Subject) -> Density:
    """What the tickets of one level keep in each layer."""
    return measure_density(subject.layers, [ticket.mask for ticket in subject.tickets])


def measure_density(layers: Sequence[PrunableLayer], masks: Sequence[Mask]) -> Density:
    """Count what the masks of several trials keep in each layer.

    Args:
        masks: by trial, at least one.

    Raises:
        MaskMismatchError: a mask is of another network.
    """
    for mask in masks:
        check_layers(layers, mask)
    counts = [kept_by_layer(mask) for mask in masks]
    return Density(
        threshold=NEAR_COLLAPSE,
        layers=tuple(
            _layer(layer, tuple(count[layer.name] for count in counts)) for layer in layers
        ),
    )


def _layer(layer: PrunableLayer, kept: tuple[int, ...]) -> LayerReading:
    units = layer.shape[0]
    return LayerReading(
        layer=layer.name,
        kind=layer.kind,
        size=layer.size,
        units=units,
        kept=kept,
        near_collapse=min(kept) < NEAR_COLLAPSE * units,
    )
