"""Loss and accuracy, measured the same way by all backends."""

from __future__ import annotations

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor
from torch.nn import functional

__all__ = ["read_logits"]


def read_logits(
    logits: Float[Tensor, "members examples classes"], labels: Int64[Tensor, " examples"]
) -> Float64[Tensor, "members 2"]:
    """Mean cross-entropy in nats, and accuracy in [0, 1], of each member.

    Each example's loss is a float32; they are summed in float64.
    """
    members, examples, _ = logits.shape
    losses = functional.cross_entropy(
        logits.float().flatten(0, 1), labels.repeat(members), reduction="none"
    )
    right = (logits.argmax(2) == labels).sum(1)
    sums = torch.stack([losses.view(members, examples).double().sum(1), right.double()], 1)
    return sums / examples
