"""Whole units dropped of a network as the first round of a search drops them."""

from __future__ import annotations

from torch import Tensor

from ticket_hub.networks import outline
from ticket_hub.pruning import full_mask, next_mask
from ticket_hub.recipe import PruningSpec
from ticket_hub.structured import structure_of
from ticket_hub.types import Architecture, Weights


def units_mask(
    architecture: Architecture, spec: PruningSpec, weights: Weights
) -> dict[str, Tensor]:
    """The mask after one round, scored by these weights."""
    layers = outline(architecture).layers
    return next_mask(
        spec,
        layers,
        initial=weights,
        trained=weights,
        mask=full_mask(layers),
        seed=0,
        structure=structure_of(architecture),
    )
