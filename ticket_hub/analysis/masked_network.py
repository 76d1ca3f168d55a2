"""The network that the masks of an analysis are of."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from ticket_hub.networks import blank_module
from ticket_hub.networks.prunable import prunable_layers
from ticket_hub.pruning.masks import check_layers
from ticket_hub.types import Architecture, Mask, PrunableLayer

__all__ = ["masked_network"]


def masked_network(
    architecture: Architecture, masks: Sequence[Mask]
) -> tuple[nn.Module, tuple[PrunableLayer, ...]]:
    """The module, on the meta device, and its prunable layers, once all masks fit them.

    Raises:
        MaskMismatchError: a mask is of another network.
        NetworkError: as `ticket_hub.networks.build`.
    """
    module = blank_module(architecture)
    layers = prunable_layers(module)
    for mask in masks:
        check_layers(layers, mask)
    return module, layers
