"""The author's own network: what a function builds, and whether it can be a ticket's."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from ticket_hub.networks import prunable_layers, transposed_layers, unmarked_matrices
from ticket_hub.networks.own_function import (
    checked_module,
    dotted_name,
    made,
    source_file,
    tensors_of,
)
from ticket_hub.networks.seeding import kept_generators, seed_generators
from ticket_hub.pruning.keeping import load_masked
from ticket_hub.recipe.own import OWN
from ticket_hub.seeds import derive_seed
from ticket_hub.types import Architecture, Mask, PrunableLayer, Weights

__all__ = ["Make", "OwnNetwork", "file_digest", "state_of"]

Make = Callable[[], nn.Module]


@dataclass(frozen=True, kw_only=True, eq=False)
class OwnNetwork:
    """A function without arguments that builds the network anew at each call.

    Attributes:
        make: the function.
        name: `own:MODULE.FUNCTION`.
        layers: what may be pruned.
        transposed: those of them that are transposed convolutions.
        tensors: entry of the state dict -> its dtype and shape, as a text.
        unmarked: see `ticket_hub.networks.prunable.unmarked_matrices`.
        file: that has the function; None where there is none.
    """

    make: Make
    name: str
    layers: tuple[PrunableLayer, ...]
    transposed: tuple[PrunableLayer, ...]
    tensors: dict[str, str]
    unmarked: dict[str, int]
    file: Path | None

    @classmethod
    def of(cls, make: Make) -> OwnNetwork:
        """Call the function twice and look at what it builds; generators stay as they are.

        Raises:
            NetworkError: it is a module that was built already, fails, gives no module, the same
                one each time, or one that cannot be pruned or written down.
        """
        module = checked_module(make)
        return cls(
            make=make,
            name=f"{OWN}{dotted_name(make)}",
            layers=prunable_layers(module),
            transposed=transposed_layers(module),
            tensors=tensors_of(module),
            unmarked=unmarked_matrices(module),
            file=source_file(make),
        )

    @property
    def architecture(self) -> Architecture:
        """Its place in a bundle; the sizes mean nothing, see `ticket_hub.recipe.own.OWN`."""
        return Architecture(name=self.name, channels=1, height=1, width=1, classes=1)

    def initial(self, seed: int) -> Weights:
        """The state dict of a network that the function builds from a seed, on the CPU."""
        with kept_generators():
            seed_generators(derive_seed(seed, "own", "network"))
            return state_of(made(self.make))

    def build(self, weights: Weights, mask: Mask) -> nn.Module:
        """A new module with `weights * mask`, which keeps the mask while it is trained.

        Raises:
            MaskMismatchError: the weights are of another network.
        """
        with kept_generators():
            module = made(self.make)
        load_masked(module, weights, mask)
        return module


def state_of(module: nn.Module) -> dict[str, torch.Tensor]:
    """A copy of the state dict, on the CPU."""
    return {
        name: value.detach().to("cpu", copy=True).contiguous()
        for name, value in module.state_dict().items()
    }


def file_digest(path: Path | None) -> str:
    """The sha256 of a file; empty without one."""
    if path is None or not path.is_file():
        return ""
    return hashlib.sha256(path.read_bytes()).hexdigest()
