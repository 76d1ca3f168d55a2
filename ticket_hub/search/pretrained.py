"""Searches that begin with pretrained weights instead of fresh ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from ticket_hub.data.given import holds_texts
from ticket_hub.errors import NetworkError
from ticket_hub.hub.weights import fetch_weights
from ticket_hub.interop.importers.files import read_tensors
from ticket_hub.interop.importers.naming import bare_names
from ticket_hub.networks import initialize, outline
from ticket_hub.networks.transformers_bridge import family_of, may_be_fresh, source_names
from ticket_hub.recipe import DataSpec, NetworkSpec, Recipe
from ticket_hub.search.transformers_source import fetched_tokenizer, source_changes
from ticket_hub.types import Architecture, Weights

__all__ = ["Start", "pinned", "pinned_data"]

MAX_NAMED = 3


def pinned(recipe: Recipe, data_dir: Path | str | None = None) -> Recipe:
    """The recipe with all that its sources stand for, each with its commit and sha256.

    `transformers:OWNER/NAME` becomes a family with options, weights and, for texts, a tokenizer.

    Raises:
        NetworkError, DataNotFoundError, HubError: as `ticket_hub.hub.weights.fetch_weights` and
            `ticket_hub.search.transformers_source`.
    """
    data = recipe.data
    texts = data.name.startswith(("text:", "hf:")) or holds_texts(data.name, data_dir)
    changes = source_changes(recipe.network.name, tokenizer=texts and not data.tokenizer)
    if recipe.network.weights:
        changes.pop("network.weights", None)
    recipe = recipe.replace(changes) if changes else recipe
    network = recipe.network
    if network.weights:
        found = fetch_weights(network.weights, network.weights_sha256)
        network = dataclasses.replace(network, weights=found.source, weights_sha256=found.sha256)
    return dataclasses.replace(recipe, network=network, data=pinned_data(recipe.data))


def pinned_data(data: DataSpec) -> DataSpec:
    """The same data, whose tokenizer is on this machine and known by its sha256.

    Raises:
        DataNotFoundError: it cannot be had.
    """
    if not data.tokenizer:
        return data
    source, sha256 = fetched_tokenizer(data.tokenizer, data.tokenizer_sha256)
    return dataclasses.replace(data, tokenizer=source, tokenizer_sha256=sha256)


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
            name: value
            if name in head or name not in self._source
            else self._source[name].to(value.dtype).clone()
            for name, value in fresh.items()
        }

    def _fresh_head(self, architecture: Architecture) -> frozenset[str]:
        """Weight and bias of the layers that give the classes, where those are drawn anew.

        Of a network of `transformers` it is all that lies outside of the pretrained base.
        """
        if self._spec.weights_head == "source":
            return frozenset()
        if family := family_of(architecture.name):
            base = f"{family.base}."
            return frozenset(n for n in outline(architecture).shapes if not n.startswith(base))
        outputs = [each.name for each in outline(architecture).layers if each.kind == "output"]
        return frozenset(
            name for weight in outputs for name in (weight, f"{weight.rpartition('.')[0]}.bias")
        )

    def _read(self, architecture: Architecture) -> dict[str, Tensor]:
        spec = self._spec
        found = fetch_weights(spec.weights, spec.weights_sha256)
        tensors = read_tensors(found.path)
        shapes = outline(architecture).shapes
        family = family_of(architecture.name)
        bare = bare_names(tensors, shapes)
        named = {ours: tensors[theirs] for theirs, ours in bare.items()}
        if family is not None:
            named = source_names(family, tensors, shapes)
        head = self._fresh_head(architecture)
        wanted = [name for name in shapes if name not in head]
        missing = [name for name in wanted if name not in named]
        if family is not None:
            missing = [name for name in missing if not may_be_fresh(family, name)]
            wanted = [name for name in wanted if name in named]
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
