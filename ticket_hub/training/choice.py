"""Which backend trains what: a fixed table, set from measurements (`benchmarks/README.md`).

Nothing is timed at run time, so that the same recipe chooses the same everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import nn

from ticket_hub.errors import RecipeError
from ticket_hub.networks.lenet import LeNet
from ticket_hub.recipe import TrainingSpec
from ticket_hub.training.backend import Backend
from ticket_hub.training.plain import Plain
from ticket_hub.training.stack import Stack

__all__ = ["BACKENDS", "TABLE", "Row", "choose", "network_kind"]

NetworkKind: TypeAlias = Literal["lenet", "linear", "conv", "other"]

BACKENDS: Mapping[str, type[Backend]] = {"stack": Stack, "plain": Plain}
"""Every backend by the name that `training.backend` forces it with."""


@dataclass(frozen=True)
class Row:
    """One line of the table: what it is for, and the backend.

    Attributes:
        kind: of network, as `network_kind` tells.
        device: `cpu` or `cuda`.
        below: the density of a member's mask must be below this.
        backend: its name; the line is passed over where that backend cannot train the network.
    """

    kind: NetworkKind
    device: str
    below: float
    backend: str


ANY = 2.0

TABLE: tuple[Row, ...] = (
    Row("lenet", "cpu", ANY, "stack"),
    Row("lenet", "cuda", ANY, "stack"),
)
"""The first line that fits decides; `plain` trains what no line fits."""


def network_kind(module: nn.Module) -> NetworkKind:
    """What a network is made of, as far as the choice depends on it."""
    parts = [
        part for part in module.modules() if next(part.parameters(recurse=False), None) is not None
    ]
    if isinstance(module, LeNet):
        return "lenet"
    if any(isinstance(part, nn.Conv1d | nn.Conv2d | nn.Conv3d) for part in parts):
        return "conv"
    return "linear" if all(isinstance(part, nn.Linear) for part in parts) else "other"


def choose(module: nn.Module, training: TrainingSpec, device: torch.device, density: float) -> str:
    """The name of the backend that trains a member of this density.

    Raises:
        RecipeError: the recipe forces a backend that does not exist, or that cannot train this.
    """
    if training.backend != "auto":
        return _forced(module, training, device)
    kind = network_kind(module)
    for row in TABLE:
        fits = (row.kind, row.device) == (kind, device.type) and density < row.below
        if fits and BACKENDS[row.backend].refusal(module, training, device) is None:
            return row.backend
    return "plain"


def _forced(module: nn.Module, training: TrainingSpec, device: torch.device) -> str:
    name = training.backend
    if name not in BACKENDS:
        raise RecipeError(
            f"training.backend cannot be {name!r}.",
            f"It is 'auto' or one of {', '.join(sorted(BACKENDS))}.",
        )
    refusal = BACKENDS[name].refusal(module, training, device)
    if refusal is not None:
        raise RecipeError(
            f"The backend {name!r} cannot {refusal}.",
            "Set training.backend = 'auto', which takes one that can.",
        )
    return name
