"""What a network is made of, as far as it decides how it can be trained."""

from __future__ import annotations

from typing import Literal, TypeAlias

from torch import nn

from ticket_hub.networks.lenet import LeNet

__all__ = ["NetworkKind", "has_dropout", "network_kind", "weighted_parts"]

NetworkKind: TypeAlias = Literal["lenet", "small-lenet", "linear", "conv", "other"]
"""What the table of backends tells networks apart by."""

LARGE_PRODUCT = 1_500_000
"""Multiplications of one layer and step from which a LeNet counts as large."""


def weighted_parts(module: nn.Module) -> list[nn.Module]:
    """The modules that have parameters of their own."""
    return [
        part for part in module.modules() if next(part.parameters(recurse=False), None) is not None
    ]


def has_dropout(module: nn.Module) -> bool:
    """Whether a dropout module of it ever drops anything."""
    kinds = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)
    return any(isinstance(part, kinds) and part.p > 0 for part in module.modules())


def network_kind(module: nn.Module, batch_size: int) -> NetworkKind:
    """What a network is made of, and for LeNets how large a step is."""
    parts = weighted_parts(module)
    if isinstance(module, LeNet):
        sizes = [part.weight.numel() for part in parts if isinstance(part, nn.Linear)]
        return "lenet" if batch_size * max(sizes) >= LARGE_PRODUCT else "small-lenet"
    if any(isinstance(part, nn.Conv1d | nn.Conv2d | nn.Conv3d) for part in parts):
        return "conv"
    return "linear" if parts and all(isinstance(part, nn.Linear) for part in parts) else "other"
