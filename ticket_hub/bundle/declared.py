"""A bundle whose network cannot be built here, taken at the word of its own files."""

from __future__ import annotations

from functools import cached_property

from ticket_hub.bundle.network import Signature
from ticket_hub.bundle.read import Bundle

__all__ = ["DeclaredBundle"]


class DeclaredBundle(Bundle):
    """Reads and checks all that follows without the network: digests, masks, counts, ids, curves.

    Whether layers and tensors are those of the network is not known.
    """

    @cached_property
    def network(self) -> Signature:
        """What the bundle's own files say of it.

        Raises:
            BundleError: a layer has no tensor, or one of another shape.
        """
        self.warn_of_other_plugins()
        return self.declared
