"""The network of a bundle, built without memory to see what its tensors must be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch

from ticket_hub.bundle import layout
from ticket_hub.bundle.content import BundleContent
from ticket_hub.bundle.manifest import Manifest
from ticket_hub.bundle.manifest_records import LayerRecord
from ticket_hub.errors import BundleFormatError, NetworkError, TicketHubError
from ticket_hub.networks import outline
from ticket_hub.recipe import PruningSpec
from ticket_hub.recipe.own import is_own
from ticket_hub.recipe.pruning_spec import named_kind
from ticket_hub.types import Architecture, PrunableLayer

__all__ = [
    "Signature",
    "demand_equal",
    "layer_records",
    "prunable_of",
    "signature",
    "signature_of",
]


@dataclass(frozen=True, kw_only=True)
class Signature:
    """What a network's state dict must look like.

    Attributes:
        tensors: name -> dtype and shape, in the order of the state dict.
        layers: what may be pruned.
    """

    tensors: dict[str, tuple[torch.dtype, tuple[int, ...]]]
    layers: tuple[PrunableLayer, ...]


def signature(architecture: Architecture) -> Signature:
    """Build the network on torch's `meta` device, where a billion classes cost nothing.

    Raises:
        NetworkError: the registry of networks has no such network, or it cannot be built so.
    """
    try:
        found = outline(architecture)
    except TicketHubError:
        raise
    except Exception as error:  # a network that a user registered may raise anything
        raise NetworkError(
            f"{architecture.name!r} cannot be built with the options and sizes that are asked for: "
            f"{type(error).__name__}.",
            "Check the options, the image size and the number of classes.",
        ) from error
    tensors = {name: (found.dtypes[name], shape) for name, shape in found.shapes.items()}
    return Signature(tensors=tensors, layers=found.layers)


def prunable_of(manifest: Manifest) -> tuple[PrunableLayer, ...]:
    """The layers that a manifest lists."""
    return tuple(
        PrunableLayer(name=layer.name, kind=layer.kind, shape=layer.shape)
        for layer in manifest.layers
    )


def signature_of(content: BundleContent) -> Signature:
    """Of the network of a bundle's content; one that only its author builds is told by theta0.

    Raises:
        NetworkError: as `signature`.
    """
    if not is_own(content.architecture.name):
        return signature(content.architecture)
    theta0 = content.trials[0].theta0
    tensors = {name: (value.dtype, tuple(value.shape)) for name, value in theta0.items()}
    return Signature(tensors=tensors, layers=content.layers)


def layer_records(
    layers: Iterable[PrunableLayer], pruning: PruningSpec | None
) -> tuple[LayerRecord, ...]:
    """The layers of a network as a manifest lists them, by the kinds that its recipe knows."""
    named = () if pruning is None else pruning.rates
    return tuple(
        LayerRecord(name=layer.name, kind=named_kind(layer.kind, named), shape=layer.shape)
        for layer in layers
    )


def demand_equal(found: Signature, manifest: Manifest) -> None:
    """Refuse a manifest whose layers are not those of its network.

    Raises:
        BundleFormatError: a name, kind, shape or their order differs.
    """
    if manifest.layers != layer_records(found.layers, manifest.recipe.pruning):
        raise BundleFormatError(
            f"The layers in {layout.MANIFEST} are not those of {manifest.architecture.name!r}.",
            "If you registered the network yourself, register it here as it was then; otherwise "
            "fetch the bundle again.",
        )
