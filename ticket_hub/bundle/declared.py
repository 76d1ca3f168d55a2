"""A bundle whose network cannot be built here, taken at the word of its own files."""

from __future__ import annotations

from functools import cached_property

from ticket_hub.bundle import layout
from ticket_hub.bundle.network import Signature
from ticket_hub.bundle.read import Bundle, read_header
from ticket_hub.errors import BundleFormatError
from ticket_hub.types import PrunableLayer

__all__ = ["DeclaredBundle"]


class DeclaredBundle(Bundle):
    """Reads and checks all that follows without the network: digests, masks, counts, ids, curves.

    Whether layers and tensors are those of the network is not known.
    """

    @cached_property
    def network(self) -> Signature:
        """The layers that the manifest lists, and the tensors of the first trial's theta0.

        Raises:
            BundleError: a layer has no tensor, or one of another shape.
        """
        self.warn_of_other_plugins()
        name = layout.theta0_file(self.manifest.trials[0].index)
        with self.files.open(name, self.manifest.files[name]) as found:
            _, entries = read_header(found)
        tensors = {key: (entry.dtype, tuple(entry.shape)) for key, entry in entries.items()}
        for layer in self.manifest.layers:
            dtype, shape = tensors.get(layer.name, (None, ()))
            survivors = self.manifest.theta0 == "survivors" and len(shape) == 1
            if dtype is None or not (survivors or shape == layer.shape):
                raise BundleFormatError(
                    f"The tensors in {name} are not those of the layers in {layout.MANIFEST}.",
                    "Fetch the bundle again, or ask its author to write it again.",
                )
            tensors[layer.name] = (dtype, layer.shape)
        layers = tuple(
            PrunableLayer(name=layer.name, kind=layer.kind, shape=layer.shape)
            for layer in self.manifest.layers
        )
        return Signature(tensors=tensors, layers=layers)
