"""Gradients of the author's own loss, for the criteria that ask for them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from ticket_hub.errors import PruningError
from ticket_hub.networks.seeding import seed_generators
from ticket_hub.own.network import OwnNetwork
from ticket_hub.pruning.criteria import CRITERIA, MEASURED
from ticket_hub.recipe import PartialRecipe
from ticket_hub.registry import needs
from ticket_hub.seeds import derive_seed
from ticket_hub.types import Weights

__all__ = ["Loss", "LossGradients"]

Loss = Callable[[nn.Module, Any], Tensor]


class LossGradients:
    """Gradients for the criteria that ask for them, by the author's loss and batches."""

    def __init__(
        self, network: OwnNetwork, loss: Loss | None, batches: Iterable[Any] | None
    ) -> None:
        self._network, self._loss, self._batches = network, loss, batches

    def check(self, recipe: PartialRecipe) -> None:
        """Refuse a criterion that needs gradients where there is no loss.

        Raises:
            PruningError: loss or batches are missing, or the batches can be walked through once.
        """
        assert recipe.pruning is not None
        criterion = recipe.pruning.criterion
        asked = {*needs(CRITERIA.get(criterion))} & {*MEASURED}
        if asked - {"gradients"}:
            raise PruningError(
                f"The criterion {criterion!r} needs more than gradients of your loss.",
                "Choose `snip` or `gradient-magnitude`, or a network and data of the registry.",
            )
        if not asked:
            return
        if self._loss is None or self._batches is None or iter(self._batches) is self._batches:
            raise PruningError(
                f"The criterion {criterion!r} needs gradients of your loss.",
                "Give `loss=lambda module, batch: ...` and `batches=[...]`, which is walked "
                "through once for each trial and level.",
            )

    def at(self, weights: Weights, seed: int) -> Weights:
        """The gradients of the mean loss over the batches, in eval mode, all weights dense.

        Raises:
            PruningError: there is no batch, or the loss is no finite scalar.
        """
        assert self._loss is not None
        assert self._batches is not None
        module = self._network.build(weights, {}).eval()
        seed_generators(derive_seed(seed, "own", "gradients"))
        count = 0
        for batch in self._batches:
            value = self._loss(module, batch)
            if value.numel() != 1 or not math.isfinite(float(value.detach())):
                raise PruningError(
                    f"The loss of a batch is {value.detach()}.", "Let it be one finite number."
                )
            value.backward()
            count += 1
        if not count:
            raise PruningError("There is no batch to take gradients of.", "Give at least one.")
        return {
            name: torch.zeros_like(value) if value.grad is None else value.grad / count
            for name, value in module.named_parameters(remove_duplicate=False)
        }
