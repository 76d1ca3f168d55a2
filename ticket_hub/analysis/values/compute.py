"""Which initial values survive (Frankle & Carbin 2019, appendix)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from ticket_hub.analysis.distribution import Distribution, Histogram, count_in_bins, summarize
from ticket_hub.analysis.measure import TrialMeasure, layer_of
from ticket_hub.analysis.subject import Subject
from ticket_hub.content_id import survivors_of
from ticket_hub.pruning.masks import check_alignment
from ticket_hub.recipe.spec import LATER
from ticket_hub.types import Mask, Weights

__all__ = ["BINS", "MEASURES", "LayerValues", "Values", "bimodality", "compute", "measure_values"]

BINS = 60
"""Of a histogram of weights."""
MIN_VALUES = 4
"""Of a coefficient of bimodality."""


@dataclass(frozen=True, kw_only=True)
class LayerValues:
    """One layer, all trials together.

    Attributes:
        layer: its parameter's name.
        everything: theta0 of all weights.
        survivors: theta0 of the kept weights.
        everything_counts, survivors_counts: the same in bins.
        bimodality: of the survivors' values, by trial: Sarle's coefficient, see `bimodality`;
            None with fewer than four of them.
    """

    layer: str
    everything: Distribution
    survivors: Distribution
    everything_counts: Histogram
    survivors_counts: Histogram
    bimodality: tuple[float | None, ...] = field(default=(), metadata=LATER)


@dataclass(frozen=True, kw_only=True)
class Values:
    """All layers of the tickets of one level.

    Attributes:
        trials: how many were pooled.
        layers: in the order of the network.
    """

    UNITS: ClassVar[Mapping[str, str]] = {
        "mean, sd, quantiles, low, high": "value of a weight of theta0",
        "counts, n": "weights of all trials",
        "bimodality": "none: 1/3 of a normal distribution, 5/9 of a uniform one, at most 1",
    }

    trials: int
    layers: tuple[LayerValues, ...]


def compute(subject: Subject) -> Values:
    """The starting values of the tickets of one level, and of their survivors."""
    tickets = subject.tickets
    return measure_values([each.theta0 for each in tickets], [each.mask for each in tickets])


def measure_values(theta0: Sequence[Weights], masks: Sequence[Mask], bins: int = BINS) -> Values:
    """Compare the starting values of the kept weights with those of all weights.

    Args:
        theta0: the dense starting weights, by trial.
        masks: by trial, of the same network.
        bins: of the histograms, between the greatest values of either sign.

    Raises:
        MaskMismatchError: mask and weights are of different networks.
    """
    for weights, mask in zip(theta0, masks, strict=True):
        check_alignment(weights, mask)
    layers = tuple(_layer(name, theta0, masks, bins) for name in masks[0])
    return Values(trials=len(masks), layers=layers)


def _layer(name: str, theta0: Sequence[Weights], masks: Sequence[Mask], bins: int) -> LayerValues:
    everything = [weights[name] for weights in theta0]
    kept = [survivors_of(w[name], mask[name]) for w, mask in zip(theta0, masks, strict=True)]
    reach = max(float(each.abs().max()) for each in everything)
    return LayerValues(
        layer=name,
        everything=summarize(_joined(everything)),
        survivors=summarize(_joined(kept)),
        everything_counts=count_in_bins(everything, reach, bins),
        survivors_counts=count_in_bins(kept, reach, bins),
        bimodality=tuple(map(bimodality, kept)),
    )


def bimodality(values: Tensor) -> float | None:
    """Sarle's coefficient, (skewness^2 + 1) / kurtosis, of a sample (SAS/STAT, cluster analysis).

    1/3 of a normal distribution, 5/9 of a uniform one, and 1 of two points; None with fewer than
    four values, or where all are equal.

    Shapes:
        any.
    """
    centred = values.detach().reshape(-1).double().cpu()
    centred = centred - centred.mean() if len(centred) else centred
    square = float(centred.square().mean()) if len(centred) else 0.0
    if len(centred) < MIN_VALUES or not square:
        return None
    skewness = float(centred.pow(3).mean()) / square**1.5
    kurtosis = float(centred.pow(4).mean()) / square**2
    return float((skewness**2 + 1) / kurtosis)


MEASURES = {"bimodality": TrialMeasure(lambda result, layer: layer_of(result, layer).bimodality)}


def _joined(values: Sequence[Tensor]) -> Tensor:
    return torch.cat([each.reshape(-1).cpu() for each in values])
