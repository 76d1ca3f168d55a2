"""Searches that begin with pretrained weights instead of fresh ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from ticket_hub.bundle.manifest_records import Reference
from ticket_hub.bundle.reference import SUFFIX, kept_weights
from ticket_hub.data.given import holds_texts
from ticket_hub.durable import sha256_file
from ticket_hub.errors import NetworkError, RecipeError
from ticket_hub.hub.weights import (
    TICKET,
    WeightsFile,
    checked,
    fetch_weights,
    is_on_a_hub,
    source_normalization,
)
from ticket_hub.interop.importers.files import read_tensors
from ticket_hub.interop.importers.naming import bare_names
from ticket_hub.networks import initialize, outline
from ticket_hub.networks.transformers_bridge import may_be_fresh, source_names
from ticket_hub.networks.transformers_families import family_of
from ticket_hub.recipe import DataSpec, NetworkSpec, Recipe
from ticket_hub.search.ticket_weights import open_ticket
from ticket_hub.search.transformers_source import fetched_tokenizer, source_changes
from ticket_hub.types import Architecture, Weights

__all__ = ["StartWeights", "Theta0Choice", "pinned", "pinned_data"]

MAX_NAMED = 3

Theta0Choice: TypeAlias = Literal["auto", "dense", "reference"]
"""How a bundle keeps the weights of a pretrained start."""


def pinned(
    recipe: Recipe, data_dir: Path | str | None = None, *, hub: str | Path | None = None
) -> Recipe:
    """The recipe with all that its sources stand for, each with its commit and sha256.

    `transformers:OWNER/NAME` becomes a family with options, weights and, for texts, a tokenizer.

    With `data.normalize = "source"`, mean and std of their source are in it, too; where that does
    not say them, it is `unit`.

    Args:
        hub: asked for them where they are not here; see `ticket_hub.hub.connect`.

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
    data = pinned_data(recipe.data)
    if network.weights:
        found = _fetched(network, hub)
        network = dataclasses.replace(network, weights=found.source, weights_sha256=found.sha256)
        data = _normalized(data, found, hub, texts=texts)
    elif data.normalize == "source" and not data.mean:
        raise RecipeError(
            "data.normalize is 'source', and there are no pretrained weights.",
            "Give network.weights, or data.mean and data.std, or set data.normalize to 'unit' or "
            "'standard'.",
        )
    return dataclasses.replace(recipe, network=network, data=data)


def pinned_data(data: DataSpec) -> DataSpec:
    """The same data, whose tokenizer is on this machine and known by its sha256.

    Raises:
        DataNotFoundError: it cannot be had.
    """
    if not data.tokenizer:
        return data
    source, sha256 = fetched_tokenizer(data.tokenizer, data.tokenizer_sha256)
    return dataclasses.replace(data, tokenizer=source, tokenizer_sha256=sha256)


def _fetched(network: NetworkSpec, hub: str | Path | None = None) -> WeightsFile:
    """The file of the weights, which a ticket's are made into."""
    if not network.weights.startswith(TICKET):
        return fetch_weights(network.weights, network.weights_sha256, hub=hub)
    digest = network.weights_sha256
    kept = kept_weights(digest)
    if digest and kept.is_file() and sha256_file(kept) == digest:
        return WeightsFile(path=kept, source=network.weights, sha256=digest)
    found = open_ticket(network.weights, hub=hub).file(network.weights_of)
    return checked(found, digest)


def _normalized(
    data: DataSpec, found: WeightsFile, hub: str | Path | None, *, texts: bool
) -> DataSpec:
    if data.normalize != "source" or data.mean:
        return data
    if texts:  # which nothing normalizes
        return dataclasses.replace(data, normalize="unit")
    if found.source.startswith(TICKET):
        said = open_ticket(found.source, hub=hub).normalization
    else:
        said = source_normalization(found.source, hub=hub)
    if said is None:
        return dataclasses.replace(data, normalize="unit")
    return dataclasses.replace(data, mean=said[0], std=said[1])


@dataclass(frozen=True, kw_only=True)
class _LoadedWeights:
    """A file of weights, read.

    Attributes:
        file: where it is.
        tensors: by our names, without the head that is drawn anew.
        names: our name -> the file's, of those that are as they are there, none of them transposed.
    """

    file: WeightsFile
    tensors: Mapping[str, Tensor]
    names: Mapping[str, str]


class StartWeights:
    """The weights of iteration 0 of every trial: fresh, or pretrained but for the head.

    Args:
        spec: of the recipe.
    """

    def __init__(self, spec: NetworkSpec) -> None:
        self._spec = spec
        self._read: _LoadedWeights | None = None

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
        source = self._pretrained(architecture)
        return {
            name: source.tensors[name].to(value.dtype).clone() if name in source.tensors else value
            for name, value in fresh.items()
        }

    def reference(self, architecture: Architecture, choice: Theta0Choice) -> Reference | None:
        """What a bundle refers to instead of storing it; None where it stores all.

        Raises:
            NetworkError: `reference` is asked for, and the weights are none that can be referred
                to: there are none, or they are not in a file of safetensors.
            DataNotFoundError, HubError, ImportRefusedError: as `weights`.
        """
        weights = self._spec.weights
        if choice == "dense" or (choice == "auto" and not is_on_a_hub(weights)):
            return None
        trained = self._spec.weights_of == "trained"
        source = self._pretrained(architecture) if weights and not trained else None
        if source is None or source.file.path.suffix != SUFFIX:
            if choice == "auto":
                return None
            what = self._spec.weights or "fresh weights"
            raise NetworkError(
                f"theta0 cannot refer to {what}.",
                "It refers to network.weights in a file of safetensors; leave out the option, or "
                "say dense.",
            )
        dtypes = outline(architecture).dtypes
        names = {
            ours: theirs
            for ours, theirs in source.names.items()
            if (source.tensors[ours].is_floating_point() and dtypes[ours] == torch.float32)
            or source.tensors[ours].dtype == dtypes[ours]
        }
        file = source.file
        size = file.path.stat().st_size
        return Reference(source=file.source, sha256=file.sha256, size=size, names=names)

    def _pretrained(self, architecture: Architecture) -> _LoadedWeights:
        if self._read is None:
            self._read = self._load(architecture)
        return self._read

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

    def _load(self, architecture: Architecture) -> _LoadedWeights:
        spec = self._spec
        found = _fetched(spec)
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
        theirs = {id(value): name for name, value in tensors.items()}
        return _LoadedWeights(
            file=found,
            tensors={name: named[name] for name in wanted},
            names={name: theirs[id(named[name])] for name in wanted if id(named[name]) in theirs},
        )


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
        "the size that it was trained on (data.size), texts by its tokenizer (data.tokenizer).",
    )


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return ", ".join(map(repr, names[:MAX_NAMED])) + more
