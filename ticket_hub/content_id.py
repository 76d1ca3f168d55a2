"""What content is called: the sha256 of a ticket, and of tensors."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from ticket_hub.durable import canonical_json
from ticket_hub.recipe.tables import to_table
from ticket_hub.shapes import Bool, Int64, Shaped
from ticket_hub.types import Architecture, Mask, Weights

__all__ = ["content_digest", "count_kept", "positions_of", "survivors_of", "ticket_id"]


def ticket_id(
    architecture: Architecture, theta0: Weights, mask: Mask, survivors: Weights | None = None
) -> str:
    """The sha256 of what a ticket is: the network, its mask, and the values of the survivors.

    Weights that the mask drops have no part in it, so a ticket has the same id whether the whole
    of theta0 is at hand or only the survivors. Hashed, in the order of the names: name, dtype and
    shape, and for a masked layer the packed mask and the surviving values, for any other tensor
    all values.

    Args:
        survivors: of the masked layers, `(kept,)` each, where they are at hand already.
    """
    digest = hashlib.sha256(canonical_json(to_table(architecture)))
    for name in sorted(theta0):
        value, keep = theta0[name].detach().cpu(), mask.get(name)
        digest.update(canonical_json([name, str(value.dtype), list(value.shape), keep is not None]))
        if keep is not None:
            keep = keep.cpu()
            digest.update(np.packbits(keep.reshape(-1).numpy(), bitorder="little").data)
            value = survivors_of(value, keep) if survivors is None else survivors[name]
        _update(digest, value)
    return digest.hexdigest()


def count_kept(keep: Bool[Tensor, "*layer"]) -> int:
    """Number of weights that a mask keeps in one layer."""
    return int(np.count_nonzero(keep.detach().cpu().numpy()))


def survivors_of(
    value: Shaped[Tensor, "*layer"], keep: Bool[Tensor, "*layer"]
) -> Shaped[Tensor, " kept"]:
    """The values that a mask keeps, in their order, on the CPU.

    By positions, which takes a tenth of the time of `masked_select`.
    """
    flat = value.detach().cpu().reshape(-1)
    return flat.index_select(0, positions_of(keep))


def positions_of(keep: Bool[Tensor, "*layer"]) -> Int64[Tensor, " kept"]:
    """Where a mask keeps, counted through the flattened layer."""
    return torch.from_numpy(np.flatnonzero(keep.detach().cpu().numpy()))


def content_digest(tensors: Mapping[str, Tensor]) -> str:
    """The sha256 over names, dtypes, shapes and bytes in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name].detach().cpu()
        digest.update(canonical_json([name, str(value.dtype), list(value.shape)]))
        _update(digest, value)
    return digest.hexdigest()


def _update(digest: hashlib._Hash, value: Tensor) -> None:
    if value.numel():
        digest.update(value.contiguous().reshape(-1).view(torch.uint8).numpy().data)
