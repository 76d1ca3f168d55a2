"""Semi-structured pruning: n of each m consecutive inputs."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from ticket_hub.errors import PruningError
from ticket_hub.pruning.granularity import OfWeight, register_granularity
from ticket_hub.pruning.group import RankingGroup
from ticket_hub.types import Mask, PrunableLayer

__all__ = ["NOfM"]


@register_granularity(r"[1-9]\d{0,2}:[1-9]\d{0,2}", examples=("2:4", "4:8"))
class NOfM(OfWeight):
    """The n largest of each m consecutive inputs: `2:4` is what tensor cores take.

    Inputs are the features of a linear layer, and the input channels of a convolution at one place
    of its kernel: the dimension that hardware sums over. Ties fall to the earlier input. A last
    block that is shorter than m keeps n of it, or all. No rate decides how many go: one round, and
    a rate above 0 says of which kinds of layers.
    """

    takes_inputs = True

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.n, self.m = map(int, name.split(":"))
        if self.n >= self.m:
            raise PruningError(
                f"The granularity {name!r} would drop nothing.",
                "Keep n of each m with n below m, such as '2:4'.",
            )

    def groups(self, layers: Sequence[PrunableLayer]) -> tuple[RankingGroup, ...]:
        """One ranking for each layer with a rate; how many go is in the name.

        Raises:
            PruningError: all layers were to compete, or to reach a density.
        """
        if self.spec.scope == "global" or self.spec.target(1) is not None:
            raise PruningError(
                f"{self.name} keeps {self.n} of each {self.m} inputs, whatever other weights are "
                "worth: neither a global ranking nor a target density can be had.",
                "Set pruning.scope = 'layerwise', and leave out pruning.target_density and "
                "pruning.densities.",
            )
        return tuple(
            dataclasses.replace(group, left=self._left(layer.shape))
            for group, layer in zip(
                super().groups(layers),
                [layer for layer in layers if self.spec.rate_of(layer) > 0],
                strict=True,
            )
        )

    def prune(
        self, scores: Mapping[str, Tensor], mask: Mask, drops: Sequence[tuple[RankingGroup, int]]
    ) -> dict[str, Tensor]:
        """Keep the n largest scores of each block that the mask keeps: bool, `(*layer)` each."""
        result = {name: keep.clone() for name, keep in mask.items()}
        for group, _ in drops:
            (name,) = group.names
            worth = scores[name].double().masked_fill(~mask[name], -math.inf)
            result[name] = mask[name] & self._largest(worth)
        return result

    def shuffled(
        self, mask: Mask, generator: Callable[[str], torch.Generator]
    ) -> dict[str, Tensor]:
        """The inputs of each block in random order: bool, `(*layer)` each."""
        result = {}
        for name, keep in mask.items():
            drawn = torch.rand(keep.shape, dtype=torch.float64, generator=generator(name))
            order = self._blocks(drawn, math.inf).argsort(-1)  # filling stays last
            blocks = self._blocks(keep.cpu(), fill=False)
            result[name] = self._whole(blocks.gather(-1, order), keep.shape).to(keep.device)
        return result

    def _left(self, shape: tuple[int, ...]) -> int:
        whole, rest = divmod(shape[1], self.m)
        return math.prod(shape) // shape[1] * (whole * self.n + min(rest, self.n))

    def _largest(self, worth: Tensor) -> Tensor:
        blocks = self._blocks(worth, -math.inf)
        best = blocks.argsort(dim=-1, descending=True, stable=True)[..., : self.n]
        keep = torch.zeros_like(blocks, dtype=torch.bool).scatter_(-1, best, value=True)
        return self._whole(keep, worth.shape)

    def _blocks(self, values: Tensor, fill: float) -> Tensor:
        """`(outputs, inputs, ...)` -> `(outputs, ..., blocks, m)`, the last block filled up."""
        last = values.movedim(1, -1)
        filled = functional.pad(last, (0, -last.shape[-1] % self.m), value=fill)
        blocks: Tensor = filled.unflatten(-1, (-1, self.m))
        return blocks

    def _whole(self, blocks: Tensor, shape: Sequence[int]) -> Tensor:
        """The opposite of `_blocks`, without what it was filled up with."""
        return blocks.flatten(-2)[..., : shape[1]].movedim(-1, 1).contiguous()
