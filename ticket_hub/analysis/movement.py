"""How far surviving and pruned weights move while the dense network trains.

Frankle & Carbin 2019, appendix: the weights that a ticket keeps change more than the others do
between the first and the last iteration of the unpruned network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ticket_hub.analysis.distribution import Distribution, summarize
from ticket_hub.pruning.masks import check_alignment
from ticket_hub.types import Mask, Weights

__all__ = ["LayerMovement", "Moved", "Movement", "measure_movement"]


@dataclass(frozen=True, kw_only=True)
class Moved:
    """Some weights of one layer, of all trials.

    Attributes:
        distance: |trained - theta0|.
        growth: |trained| - |theta0|; above 0 where the weight has become larger.
        flipped: share whose sign has changed, in [0, 1]; None without a weight.
    """

    distance: Distribution
    growth: Distribution
    flipped: float | None


@dataclass(frozen=True, kw_only=True)
class LayerMovement:
    """One layer: the weights that the mask keeps, and those that it drops."""

    layer: str
    survivors: Moved
    pruned: Moved


@dataclass(frozen=True, kw_only=True)
class Movement:
    """All layers of the tickets of one level.

    Attributes:
        trials: how many were pooled.
        iterations: that the dense networks had trained for.
        source: where their weights are from: `search` or `retrained`.
        layers: in the order of the network.
    """

    UNITS: ClassVar[Mapping[str, str]] = {
        "distance, growth": "value of a weight",
        "flipped": "share of the weights, in [0, 1]",
        "n": "weights of all trials",
    }

    trials: int
    iterations: int
    source: str
    layers: tuple[LayerMovement, ...]


def measure_movement(
    theta0: Sequence[Weights],
    trained: Sequence[Weights],
    masks: Sequence[Mask],
    *,
    iterations: int,
    source: str,
) -> Movement:
    """Compare how far kept and dropped weights moved in the training of the dense network.

    Args:
        theta0: the dense starting weights, by trial.
        trained: the same after training without a mask.
        masks: of the tickets.
        iterations: that were trained.
        source: of the trained weights.

    Raises:
        MaskMismatchError: mask and weights are of different networks.
    """
    for before, after, mask in zip(theta0, trained, masks, strict=True):
        check_alignment(before, mask)
        check_alignment(after, mask)
    return Movement(
        trials=len(masks),
        iterations=iterations,
        source=source,
        layers=tuple(_layer(name, theta0, trained, masks) for name in masks[0]),
    )


def _layer(
    name: str, theta0: Sequence[Weights], trained: Sequence[Weights], masks: Sequence[Mask]
) -> LayerMovement:
    before = torch.cat([weights[name].reshape(-1).cpu() for weights in theta0])
    after = torch.cat([weights[name].reshape(-1).cpu() for weights in trained])
    keep = torch.cat([mask[name].reshape(-1).cpu() for mask in masks])
    return LayerMovement(
        layer=name,
        survivors=_moved(before[keep], after[keep]),
        pruned=_moved(before[~keep], after[~keep]),
    )


def _moved(before: Tensor, after: Tensor) -> Moved:
    flips = (before.sign() * after.sign()) < 0
    return Moved(
        distance=summarize((after - before).abs()),
        growth=summarize(after.abs() - before.abs()),
        flipped=float(flips.double().mean()) if len(flips) else None,
    )
