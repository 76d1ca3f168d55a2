"""Searches that begin with pretrained weights instead of fresh ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import torch
from torch import Tensor

from ticket_hub.errors import NetworkError
from ticket_hub.hub.weights import fetch_weights
from ticket_hub.interop.importers.files import read_tensors
from ticket_hub.interop.importers.naming import bare_names
from ticket_hub.networks import initialize, outline
from ticket_hub.recipe import NetworkSpec, Recipe
from ticket_hub.types import Architecture, Weights

__all__ = ["Start", "pinned"]

MAX_NAMED = 3


def pinned(recipe: Recipe) -> Recipe:
    """The recipe with commit and sha256 of its pretrained weights, if it begins with such.

    Raises:
        NetworkError, DataNotFoundError, HubError: as `ticket_hub.hub.weights.fetch_weights`.
    """
    network = recipe.network
    if not network.weights:
        return recipe
    found = fetch_weights(network.weights, network.weights_sha256)
    named = dataclasses.replace(network, weights=found.source, weights_sha256=found.sha256)
    return dataclasses.replace(recipe, network=named)


class Start:
    """The weights of iteration 0 of every trial: fresh, or pretrained but for the head.

    Args:
        spec: of the recipe.
    """

    def __init__(self, spec: NetworkSpec) -> None:
        self._spec = spec
        self._source: Mapping[str, Tensor] | None = None

    def weights(self, architecture: Architecture, seed: int) -> Weights:
        """The whole state dict, a pure function of the recipe and the seed.

        Names of the source are taken behind whatever prefix they share. With a fresh head the
        layer of the classes is drawn from the seed, as it is without pretrained weights.

        Raises:
            NetworkError: the source is of another network: what differs first is named.
            ImportRefusedError: its file holds something else than tensors by name.
        """
        fresh = initialize(architecture, self._spec, seed)
        if not self._spec.weights:
            return fresh
        if self._source is None:
            self._source = self._read(architecture)
        head = self._fresh_head(architecture)
        return {
            name: value if name in head else self._source[name].to(value.dtype).clone()
            for name, value in fresh.items()
        }

    def _fresh_head(self, architecture: Architecture) -> frozenset[str]:
        """Weight and bias of the layers that give the classes, where those are drawn anew."""
        if self._spec.weights_head == "source":
            return frozenset()
        outputs = [each.name for each in outline(architecture).layers if each.kind == "output"]
        return frozenset(
            name for weight in outputs for name in (weight, f"{weight.rpartition('.')[0]}.bias")
        )

    def _read(self, architecture: Architecture) -> dict[str, Tensor]:
        spec = self._spec
        found = fetch_weights(spec.weights, spec.weights_sha256)
        tensors = read_tensors(found.path)
        shapes = outline(architecture).shapes
        named = {ours: tensors[theirs] for theirs, ours in bare_names(tensors, shapes).items()}
        head = self._fresh_head(architecture)
        wanted = [name for name in shapes if name not in head]
        missing = [name for name in wanted if name not in named]
        if missing:
            raise _other(found.source, architecture, f"it has no {_listed(missing)}", named, shapes)
        for name in wanted:
            if tuple(named[name].shape) != shapes[name]:
                reason = (
                    f"{name!r} has the shape {tuple(named[name].shape)} there and "
                    f"{shapes[name]} here"
                )
                raise _other(found.source, architecture, reason, named, shapes)
            if named[name].is_floating_point() and not bool(torch.isfinite(named[name]).all()):
                raise NetworkError(
                    f"{name!r} in {found.source} holds NaN or infinity.", "Get another file."
                )
        return {name: named[name] for name in shapes if name in named}


def _other(
    source: str,
    architecture: Architecture,
    reason: str,
    found: Mapping[str, Tensor],
    shapes: Mapping[str, tuple[int, ...]],
) -> NetworkError:
    strange = [name for name in found if name not in shapes]
    more = f" Only there: {_listed(strange)}." if strange else ""
    return NetworkError(
        f"{source} holds no weights of {architecture.name!r}: {reason}.{more}",
        "Name the network that they are of (network.name and its options), and give it data of "
        "the size that it was trained on (data.size).",
    )


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return ", ".join(map(repr, names[:MAX_NAMED])) + more
