"""Scores: how much each weight is worth. The lowest are pruned.

A criterion is one function with a decorator. It declares what it needs by the names of its
parameters, and gets that for one layer at a time:

    initial     the layer's weights at iteration 0
    trained     its weights at the end of training
    gradients   dL/dw there: of the mean cross-entropy over ten training examples of each class,
                not augmented, with the norms' running statistics and without dropout
    generator   of its own for each layer, seeded by the trial

All tensors have the layer's shape, and so has the score.

    @register_criterion("my-score")
    def my_score(initial, trained):
        return (trained - initial).abs()
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

import torch
from torch import Tensor

from ticket_hub.errors import MaskMismatchError, PruningError, ScoreError
from ticket_hub.recipe.axes import CRITERIA
from ticket_hub.registry import needs, supply
from ticket_hub.seeds import derive_seed
from ticket_hub.types import PrunableLayer, Weights

__all__ = ["CRITERIA", "Score", "register_criterion", "scores"]

Score: TypeAlias = Callable[..., Tensor]


def register_criterion(name: str) -> Callable[[Score], Score]:
    """Register a function that scores the weights of one layer.

    Raises:
        PruningError: it asks for something else than the module's docstring names.
    """
    return CRITERIA.register(name)


@register_criterion("magnitude")
def magnitude(trained: Tensor) -> Tensor:
    """|w_trained| (Frankle & Carbin 2019)."""
    return trained.abs()


@register_criterion("magnitude-increase")
def magnitude_increase(initial: Tensor, trained: Tensor) -> Tensor:
    """|w_trained| - |w_initial| (Zhou et al. 2019, section 3)."""
    return trained.abs() - initial.abs()


@register_criterion("initial-magnitude")
def initial_magnitude(initial: Tensor) -> Tensor:
    """|w_initial|: what can be known before training."""
    return initial.abs()


@register_criterion("large-final-same-sign")
def large_final_same_sign(initial: Tensor, trained: Tensor) -> Tensor:
    """max(0, w_initial * w_trained / |w_initial|) (Zhou et al. 2019, section 3).

    The trained magnitude where the sign stayed, else 0; a weight that began at 0 has no sign and
    scores 0.
    """
    return (initial.sign() * trained).clamp(min=0)


@register_criterion("gradient-magnitude")
def gradient_magnitude(trained: Tensor, gradients: Tensor) -> Tensor:
    """|w dL/dw| at the trained weights: what the loss changes by without w, to the first order.

    (Molchanov et al. 2017, "Pruning convolutional neural networks for resource efficient
    inference", for weights instead of feature maps.)
    """
    return (trained * gradients).abs()


@register_criterion("random")
def random(trained: Tensor, generator: torch.Generator) -> Tensor:
    """Uniform in [0, 1), with the 53 bits that make ties between millions of weights unlikely."""
    drawn = torch.rand(trained.shape, dtype=torch.float64, generator=generator)
    return drawn.to(trained.device)


def scores(
    criterion: str,
    layers: Iterable[PrunableLayer],
    *,
    initial: Weights,
    trained: Weights,
    seed: int,
    gradients: Callable[[], Weights] | None = None,
) -> dict[str, Tensor]:
    """The score of every weight of some layers, in their order.

    `random` is a pure function of the seed and the layer's name, the same at every level.

    Args:
        gradients: gives those at the trained weights; called once, where the criterion needs them.

    Shapes:
        `initial[name]`, `trained[name]`, `gradients()[name]` and the result's `[name]` agree:
        `(*layer)`.

    Raises:
        RecipeError: no criterion has this name.
        PruningError: the criterion needs gradients, and there are none.
        MaskMismatchError: a layer is missing from the weights or has another shape.
        ScoreError: a layer's weights hold NaN or infinity.
    """
    score = CRITERIA.get(criterion)
    known = {"initial": initial, "trained": trained}
    if "gradients" in needs(score):
        if gradients is None:
            raise PruningError(
                f"The criterion {criterion!r} needs gradients, and there are none here.",
                "Give `gradients`, or choose a criterion of weights alone.",
            )
        known["gradients"] = gradients()
    result = {}
    for layer in layers:
        for label, weights in known.items():
            _check(label, weights, layer)
        generator = torch.Generator().manual_seed(derive_seed(seed, "score", layer.name))
        given: dict[str, object] = {label: weights[layer.name] for label, weights in known.items()}
        given |= {"generator": generator}
        result[layer.name] = supply(score, given)
    return result


_TITLES = {
    "initial": "initial weights",
    "trained": "trained weights",
    "gradients": "gradients",
}


def _check(label: str, weights: Weights, layer: PrunableLayer) -> None:
    if layer.name not in weights:
        raise MaskMismatchError(
            f"The {_TITLES[label]} lack the layer {layer.name!r}.",
            "Give the weights of the network that is pruned.",
        )
    values = weights[layer.name]
    if tuple(values.shape) != layer.shape:
        raise MaskMismatchError(
            f"The {_TITLES[label]} of {layer.name!r} have shape {tuple(values.shape)}, "
            f"but the network has {layer.shape}.",
            "Give the weights of the network that is pruned.",
        )
    if not bool(values.isfinite().all()):
        raise ScoreError(
            f"The {_TITLES[label]} of {layer.name!r} hold NaN or infinity, so they have no order.",
            "Training diverged: lower training.lr, or add warmup.",
        )
