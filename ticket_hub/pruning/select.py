"""Selection: which weights go, given their scores. Counts are exact."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ticket_hub.types import Mask

__all__ = ["drop_lowest"]


def drop_lowest(scores: Mapping[str, Tensor], mask: Mask, count: int) -> dict[str, Tensor]:
    """Drop exactly `count` of the weights that the mask keeps in the scored layers.

    The scored layers compete in one ranking. Ties fall to the earlier position: layers in the
    order of `scores`, then row by row. Layers without scores stay as they are. Linear in the
    number of weights.

    Shapes:
        `scores[name]` and `mask[name]` agree; the result has the names and shapes of `mask`.

    Raises:
        ValueError: `count` is negative, or above the number of kept weights.
    """
    # What the mask dropped does not compete: its scores would be 0, and go first.
    values = [score[mask[name]] for name, score in scores.items()]
    lowest = _lowest(torch.cat(values), count).split([len(part) for part in values])
    result = {name: keep.clone() for name, keep in mask.items()}
    for name, drop in zip(scores, lowest, strict=True):
        result[name][mask[name]] = ~drop
    return result


def _lowest(values: Tensor, count: int) -> Tensor:
    """True at exactly `count` places; a threshold alone would drop all of its ties."""
    if not 0 <= count <= len(values):
        raise ValueError(f"cannot drop {count} of {len(values)} weights")
    if count == 0:
        return torch.zeros_like(values, dtype=torch.bool)
    threshold = values.kthvalue(count).values  # linear, where sorting is not
    lowest = values < threshold
    # `nonzero` counts upwards on every device, so that ties fall to the earlier position.
    ties = (values == threshold).nonzero().flatten()
    lowest[ties[: count - int(lowest.sum())]] = True
    return lowest
