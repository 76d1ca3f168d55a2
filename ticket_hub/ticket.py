"""A ticket: a sparse network ready to train."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from ticket_hub.durable import canonical_json
from ticket_hub.tables import to_table
from ticket_hub.types import Architecture, Mask, Weights

__all__ = ["Ticket", "content_digest"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Ticket:
    """A sparse network ready to train: which weights to keep, and the values they start from.

    Attributes:
        architecture: the network.
        mask: prunable name -> bool tensor; True is kept.
        theta0: the dense state dict that survivors start from.
        trial: which repetition of the search.
        level: which pruning round; 0 is dense.
        provenance: where it comes from: recipe, environment, evidence.
    """

    architecture: Architecture
    mask: Mask
    theta0: Weights
    trial: int = 0
    level: int = 0
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def density(self) -> float:
        """Kept weights over prunable weights."""
        kept = sum(int(keep.sum()) for keep in self.mask.values())
        return kept / sum(keep.numel() for keep in self.mask.values())

    @property
    def id(self) -> str:
        """The sha256 of the content: network, mask and theta0, and nothing else."""
        parts = {
            "architecture": to_table(self.architecture),
            "mask": content_digest(self.mask),
            "theta0": content_digest(self.theta0),
        }
        return hashlib.sha256(canonical_json(parts)).hexdigest()


def content_digest(tensors: Mapping[str, Tensor]) -> str:
    """The sha256 over names, dtypes, shapes and bytes in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name].detach().cpu().contiguous()
        digest.update(canonical_json([name, str(value.dtype), list(value.shape)]))
        digest.update(value.numpy().tobytes())
    return digest.hexdigest()
