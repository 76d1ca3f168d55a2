"""Scores: how much each weight is worth. The lowest are pruned.

Every criterion is one function of a layer's initial weights, its trained weights, and a generator,
and gives one score for each weight. A new criterion is one function and one row in `CRITERIA`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

import torch
from torch import Tensor

from ticket_hub.errors import MaskMismatchError, ScoreError
from ticket_hub.types import PrunableLayer, Weights, derive_seed

__all__ = ["CRITERIA", "Score", "scores"]

Score: TypeAlias = Callable[[Tensor, Tensor, torch.Generator], Tensor]


def magnitude(_initial: Tensor, trained: Tensor, _generator: torch.Generator) -> Tensor:
    """|w_trained| (Frankle & Carbin 2019)."""
    return trained.abs()


def magnitude_increase(initial: Tensor, trained: Tensor, _generator: torch.Generator) -> Tensor:
    """|w_trained| - |w_initial| (Zhou et al. 2019, section 3)."""
    return trained.abs() - initial.abs()


def initial_magnitude(initial: Tensor, _trained: Tensor, _generator: torch.Generator) -> Tensor:
    """|w_initial|: what can be known before training."""
    return initial.abs()


def large_final_same_sign(initial: Tensor, trained: Tensor, _generator: torch.Generator) -> Tensor:
    """max(0, w_initial * w_trained / |w_initial|) (Zhou et al. 2019, section 3).

    The trained magnitude where the sign stayed, else 0; a weight that began at 0 has no sign and
    scores 0.
    """
    return (initial.sign() * trained).clamp(min=0)


def random(_initial: Tensor, trained: Tensor, generator: torch.Generator) -> Tensor:
    """Uniform in [0, 1), with the 53 bits that make ties between millions of weights unlikely."""
    drawn = torch.rand(trained.shape, dtype=torch.float64, generator=generator)
    return drawn.to(trained.device)


CRITERIA: Mapping[str, Score] = {
    "magnitude": magnitude,
    "magnitude-increase": magnitude_increase,
    "initial-magnitude": initial_magnitude,
    "large-final-same-sign": large_final_same_sign,
    "random": random,
}


def scores(
    criterion: str,
    layers: Iterable[PrunableLayer],
    *,
    initial: Weights,
    trained: Weights,
    seed: int,
) -> dict[str, Tensor]:
    """The score of every weight of some layers, in their order.

    `random` is a pure function of the seed and the layer's name, the same at every level.

    Shapes:
        `initial[name]`, `trained[name]` and the result's `[name]` agree: `(*layer)`.

    Raises:
        MaskMismatchError: a layer is missing from the weights or has another shape.
        ScoreError: a layer's weights hold NaN or infinity.
    """
    score = CRITERIA[criterion]
    result = {}
    for layer in layers:
        for label, weights in (("initial", initial), ("trained", trained)):
            _check(label, weights, layer)
        generator = torch.Generator().manual_seed(derive_seed(seed, "score", layer.name))
        result[layer.name] = score(initial[layer.name], trained[layer.name], generator)
    return result


def _check(label: str, weights: Weights, layer: PrunableLayer) -> None:
    if layer.name not in weights:
        raise MaskMismatchError(
            f"The {label} weights lack the layer {layer.name!r}.",
            "Give the weights of the network that is pruned.",
        )
    values = weights[layer.name]
    if tuple(values.shape) != layer.shape:
        raise MaskMismatchError(
            f"The {label} weights of {layer.name!r} have shape {tuple(values.shape)}, "
            f"but the network has {layer.shape}.",
            "Give the weights of the network that is pruned.",
        )
    if not bool(values.isfinite().all()):
        raise ScoreError(
            f"The {label} weights of {layer.name!r} hold NaN or infinity, so they have no order.",
            "Training diverged: lower training.lr, or add warmup.",
        )
