"""The files of an open bundle that hold tensors: masks, theta0, and the dense model."""

from __future__ import annotations

import functools
import logging
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ticket_hub.bundle import layout
from ticket_hub.bundle.files import BundleFolder, OpenFile
from ticket_hub.bundle.manifest import Manifest
from ticket_hub.bundle.network import Signature, demand_equal, prunable_of, signature
from ticket_hub.bundle.packing import packed_size, unpack
from ticket_hub.bundle.plugin_records import NETWORK, plugin_notes, remedy_for
from ticket_hub.bundle.reference import source_tensors
from ticket_hub.bundle.tensors import header_size, parse_header, tensor_at
from ticket_hub.bundle.theta0 import (
    Shapes,
    expand,
    refuse_nonfinite,
    sign_bits_shapes,
    signs_from_bits,
    survivors_shapes,
)
from ticket_hub.content_id import count_kept
from ticket_hub.errors import BundleFormatError, NetworkError
from ticket_hub.networks import is_registered
from ticket_hub.recipe.own import is_own
from ticket_hub.types import Architecture, Mask, Weights

__all__ = ["TensorReader", "read_header"]

_log = logging.getLogger("ticket_hub")

_AGAIN = layout.AGAIN


class TensorReader:
    """Reads the tensors of a bundle; every file is checked when it is read.

    Attributes:
        files: the folder.
        manifest: what is in it.
    """

    files: BundleFolder
    manifest: Manifest

    @property
    def architecture(self) -> Architecture:
        """The network."""
        return self.manifest.architecture.architecture()

    @cached_property
    def network(self) -> Signature:
        """What the network's tensors must be.

        Raises:
            NetworkError: the registry has no such network, or it cannot be built.
            BundleFormatError: the manifest's layers are not those of the network.
        """
        if is_own(self.architecture.name):
            return self.declared
        name, plugins = self.manifest.architecture.name, self.manifest.plugins
        if (remedy := remedy_for(plugins, NETWORK, name)) and not is_registered(name):
            raise NetworkError(f"The network {name!r} is not registered here.", remedy)
        found = signature(self.architecture)
        demand_equal(found, self.manifest)
        self.warn_of_other_plugins()
        return found

    def warn_of_other_plugins(self) -> None:
        """Log, once for each folder, how the plugins that are here differ from its author's."""
        for note in plugin_notes(self.manifest.plugins):
            _warn_once(self.files.path, note)

    @cached_property
    def declared(self) -> Signature:
        """The layers that the manifest lists, and the tensors of the first trial's theta0.

        Raises:
            BundleError: a layer has no tensor, or one of another shape.
        """
        name = layout.theta0_file(self.manifest.trials[0].index)
        with self.files.open(name, self.manifest.files[name]) as found:
            _, entries = read_header(found)
        tensors = {key: (entry.dtype, tuple(entry.shape)) for key, entry in entries.items()}
        tensors |= {key: (value.dtype, tuple(value.shape)) for key, value in self.source.items()}
        if self.manifest.theta0 == "signs":
            tensors = {layer.name: (torch.float32, layer.shape) for layer in self.manifest.layers}
        for layer in self.manifest.layers:
            dtype, shape = tensors.get(layer.name, (None, ()))
            survivors = self.manifest.theta0 == "survivors" and len(shape) == 1
            # Survivors have one axis, whose length only the mask can tell; it is compared when they
            # are read.
            if dtype is None or not (survivors or shape == layer.shape):
                raise BundleFormatError(
                    f"The tensors in {name} are not those of the layers in {layout.MANIFEST}.",
                    _AGAIN,
                )
            tensors[layer.name] = (dtype, layer.shape)
        return Signature(tensors=tensors, layers=prunable_of(self.manifest))

    def mask(self, level: int, trial: int) -> dict[str, Tensor]:
        """The mask of one ticket, bool `(*layer)` each, its counts compared with the manifest.

        Raises:
            BundleError: a file breaks the format, or is not what the manifest says.
        """
        shapes = {layer.name: layer.shape for layer in self.network.layers}
        expected: Shapes = {
            name: (torch.uint8, (packed_size(shape),)) for name, shape in shapes.items()
        }
        name = layout.mask_file(trial, level)
        packed = self._tensors(name, expected)
        # Shapes come from the network, never from the file, which a stranger wrote.
        mask = {layer: unpack(packed[layer], shapes[layer], name) for layer in shapes}
        record = self.manifest.level(level)
        claims = [each for each in (record.tickets if record else ()) if each.trial == trial]
        if [tuple(map(count_kept, mask.values()))] != [each.kept for each in claims]:
            raise BundleFormatError(f"{name} keeps other numbers than its manifest says.", _AGAIN)
        return mask

    def theta0(self, trial: int) -> dict[str, Tensor]:
        """A trial's whole starting state dict; 0 where a survivors bundle stores nothing.

        Of a bundle of signs -1, 0 and 1, and prunable layers only.

        Raises:
            BundleError: a file breaks the format, or is not what the manifest says.
        """
        return self._theta0(trial, None)[0]

    def model(self) -> dict[str, Tensor] | None:
        """The state dict in `model.safetensors`, or None where it was not written.

        Raises:
            BundleError: a file breaks the format, or is not what the manifest says.
        """
        if layout.MODEL not in self.manifest.files:
            return None
        return self._tensors(layout.MODEL, self.network.tensors)

    @cached_property
    def source(self) -> Weights:
        """What theta0 has of the pretrained weights that it refers to; nothing without a reference.

        The file is fetched where it is not on this machine.

        Raises:
            SourceMissingError: it cannot be had.
            BundleDigestError: it has other bytes, or is of another network.
        """
        reference = self.manifest.reference
        if reference is None:
            return {}
        return source_tensors(
            reference, {layer.name: layer.shape for layer in self.manifest.layers}
        )

    @property
    def _densest(self) -> int | None:
        return self.manifest.theta0_level

    def _theta0(
        self, trial: int, mask: Mask | None
    ) -> tuple[dict[str, Tensor], dict[str, Tensor] | None]:
        """Starting weights; beside them the survivors as stored, given the densest level's mask."""
        name = layout.theta0_file(trial)
        if self._densest is None:
            tensors = self.network.tensors
            stored = self._tensors(name, {k: tensors[k] for k in tensors if k not in self.source})
            # Copies: the source is kept for other trials, and theta0 is the caller's to change.
            stored |= {key: value.clone() for key, value in self.source.items()}
            refuse_nonfinite(stored, name)
            return {key: stored[key] for key in tensors}, None
        outer = self.mask(self._densest, trial) if mask is None else mask
        if self.manifest.theta0 == "signs":
            bits = self._tensors(name, sign_bits_shapes(outer))
            stored = signs_from_bits(bits, self.network, outer, name)
            return expand(stored, outer), None if mask is None else stored
        stored = self._tensors(name, survivors_shapes(self.network, outer))
        refuse_nonfinite(stored, name)
        return expand(stored, outer), None if mask is None else stored

    def _tensors(self, name: str, expected: Shapes) -> dict[str, Tensor]:
        """The tensors of a file, which must have exactly these names, dtypes and shapes."""
        record = self.manifest.files[name]
        with self.files.open(name, record) as found:
            size, entries = read_header(found)
            if {key: (each.dtype, each.shape) for key, each in entries.items()} != expected:
                raise BundleFormatError(
                    f"The tensors in {name} are not those of {self.architecture.name!r}.",
                    _AGAIN,
                )
            data = found.read(record)
        return {key: tensor_at(data, 8 + size, entries[key]) for key in expected}


# Once for each folder, however often its tickets are opened.
@functools.lru_cache(maxsize=1024)
def _warn_once(_place: Path, note: str) -> None:
    _log.warning(note)


def read_header(found: OpenFile) -> tuple[int, dict[str, Any]]:
    """Size and entries of a file of tensors.

    Raises:
        BundleFormatError: it breaks the rules of its header.
    """
    size = header_size(found.at(0, 8), found.name)
    return size, parse_header(found.at(8, size), found.size - 8 - size, found.name)
