"""Signed masks: of theta0 the signs of what is kept, one bit a survivor, and nothing else."""

from __future__ import annotations

import torch
from torch import Tensor

from ticket_hub.seeds import derive_seed
from ticket_hub.types import Mask, Weights

__all__ = ["random_signs", "signed_weights"]


def signed_weights(theta0: Weights, mask: Mask, fresh: Weights) -> dict[str, Tensor]:
    """Fresh sizes with the signs of theta0 where the mask keeps; everything else is fresh.

    What is never pruned, such as norms and biases, and what the mask drops are as `fresh` has them.
    So nothing but one bit of each survivor is read of theta0.

    Shapes:
        `theta0[name]`, `mask[name]` and `fresh[name]` agree for every name in the mask: `(*layer)`.
        The result has the names and shapes of `fresh`.
    """
    signed = {
        name: torch.where(
            keep.to(fresh[name].device),
            torch.copysign(fresh[name], theta0[name].to(fresh[name].device)),
            fresh[name],
        )
        for name, keep in mask.items()
    }
    return {**fresh, **signed}


def random_signs(weights: Weights, mask: Mask, seed: int) -> dict[str, Tensor]:
    """The same sizes with a fair coin for each sign of every masked layer.

    Shapes:
        `weights[name]` and `mask[name]` agree for every name in the mask: `(*layer)`. The result
        has the names and shapes of `weights`.
    """
    return {**weights, **{name: _tossed(weights[name], seed, name) for name in mask}}


def _tossed(value: Tensor, seed: int, name: str) -> Tensor:
    generator = torch.Generator().manual_seed(derive_seed(seed, "signs", name))
    coins = torch.randint(2, value.shape, generator=generator).to(value.device)
    return torch.where(coins == 1, value.abs(), -value.abs())
