"""Scores: how much each weight is worth. The lowest are pruned.

A criterion is one function with a decorator. It declares what it needs by the names of its
parameters, and gets that for one layer at a time:

    initial     the layer's weights at iteration 0
    trained     its weights at the end of training
                (with pruning.when another step, theta0)
    gradients   dL/dw there: of the mean cross-entropy over ten training examples of each class,
                not augmented, with the norms' running statistics and without dropout
    hessian_gradients   the Hessian of that loss times its gradient, logits divided by 200
    flow        dR/d|w| there, in float64; see `ticket_hub.training.slopes.synaptic_flow`
    generator   of its own for each layer, seeded by the trial

The last three are of the network under the mask so far. A criterion with `rounds` is asked anew
after each of so many rounds, in which the density falls exponentially.

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
from ticket_hub.pruning.masks import full_mask
from ticket_hub.recipe.axes import CRITERIA
from ticket_hub.registry import needs, supply
from ticket_hub.seeds import derive_seed
from ticket_hub.shapes import Float
from ticket_hub.types import Mask, PrunableLayer, Weights

__all__ = [
    "CRITERIA",
    "MEASURED",
    "Measured",
    "Score",
    "refuse_idle",
    "register_criterion",
    "scores",
]

Score: TypeAlias = Callable[..., Tensor]
"""How much each weight of a layer is worth; see `register_criterion`."""
Values: TypeAlias = Float[Tensor, "*layer"]
"""Of one layer, each at its weight's place: what a criterion is given, and its scores."""
Measured: TypeAlias = "Callable[[str, Mask], Weights]"


MEASURED = ("gradients", "hessian_gradients", "flow")
"""Needs that are no weights; they are computed where a criterion asks for them."""


def register_criterion(
    name: str, *, rounds: int = 1, regrows: bool = False
) -> Callable[[Score], Score]:
    """Register a function that scores the weights of one layer.

    Args:
        rounds: how often it is asked on the way from one level to the next.
        regrows: whether weights that an earlier round has dropped are ranked again in each.

    Raises:
        PruningError: it asks for something else than the module's docstring names.
    """
    return CRITERIA.register(name, rounds=rounds, regrows=regrows)


@register_criterion("magnitude")
def magnitude(trained: Values) -> Values:
    """|w_trained| (Frankle & Carbin 2019)."""
    return trained.abs()


@register_criterion("magnitude-increase")
def magnitude_increase(initial: Values, trained: Values) -> Values:
    """|w_trained| - |w_initial| (Zhou et al. 2019, section 3)."""
    return trained.abs() - initial.abs()


@register_criterion("initial-magnitude")
def initial_magnitude(initial: Values) -> Values:
    """|w_initial|: what can be known before training."""
    return initial.abs()


@register_criterion("large-final-same-sign")
def large_final_same_sign(initial: Values, trained: Values) -> Values:
    """max(0, w_initial * w_trained / |w_initial|) (Zhou et al. 2019, section 3).

    The trained magnitude where the sign stayed, else 0; a weight that began at 0 has no sign and
    scores 0.
    """
    return (initial.sign() * trained).clamp(min=0)


@register_criterion("gradient-magnitude")
def gradient_magnitude(trained: Values, gradients: Values) -> Values:
    """|w dL/dw| at the trained weights: what the loss changes by without w, to the first order.

    (Molchanov et al. 2017, "Pruning convolutional neural networks for resource efficient
    inference", for weights instead of feature maps.)
    """
    return (trained * gradients).abs()


@register_criterion("snip")
def snip(trained: Values, gradients: Values) -> Values:
    """|w dL/dw|: |dL/dc| for a gate c = 1 on each weight (Lee et al. 2019)."""
    return (trained * gradients).abs()


@register_criterion("iterative-snip", rounds=60)
def iterative_snip(trained: Values, gradients: Values) -> Values:
    """SNIP of the network that is left, in 60 rounds (de Jorge et al. 2021)."""
    return (trained * gradients).abs()


@register_criterion("force", rounds=60, regrows=True)
def force(trained: Tensor, gradients: Tensor) -> Tensor:
    """|w dL/dw|, w as it was before pruning, the gradient that of the network that is left.

    (De Jorge et al. 2021, FORCE.) What was dropped in one of the 60 rounds may return in a later
    one. They draw other examples in each round; here all are of the same.
    """
    return (trained * gradients).abs()


@register_criterion("grasp")
def grasp(trained: Values, hessian_gradients: Values) -> Values:
    """W Hg: what goes first is what lowers the gradient's size the least (Wang et al. 2020)."""
    return trained * hessian_gradients


@register_criterion("grasp-magnitude")
def grasp_magnitude(trained: Values, hessian_gradients: Values) -> Values:
    """|w Hg| (Frankle et al. 2021)."""
    return (trained * hessian_gradients).abs()


@register_criterion("synflow", rounds=100)
def synflow(trained: Values, flow: Values) -> Values:
    """|w| dR/d|w| of the network that is left, in 100 rounds, without data (Tanaka et al. 2020)."""
    return trained.double().abs() * flow


@register_criterion("random")
def random(trained: Values, generator: torch.Generator) -> Values:
    """Uniform in [0, 1), with the 53 bits that make ties between millions of weights unlikely.

    Drawn on the CPU, so that all devices get the same numbers.
    """
    drawn = torch.rand(trained.shape, dtype=torch.float64, generator=generator)
    return drawn.to(trained.device)


def scores(
    criterion: str,
    layers: Iterable[PrunableLayer],
    *,
    initial: Weights,
    trained: Weights,
    seed: int,
    measured: Measured | None = None,
    mask: Mask | None = None,
) -> dict[str, Tensor]:
    """The score of every weight of some layers, in their order.

    `random` is a pure function of the seed and the layer's name, the same at every level.

    Args:
        measured: gives, of a name and the mask so far, what else the criterion needs, such as
            `gradients`, at the trained weights; called once for each need.
        mask: so far; without it all weights are kept.

    Shapes:
        `initial[name]`, `trained[name]`, `measured(need, mask)[name]` and the result's `[name]`
        agree: `(*layer)`.

    Raises:
        RecipeError: no criterion has this name.
        PruningError: the criterion needs gradients or a flow, and there are none.
        MaskMismatchError: a layer is missing from the weights or has another shape.
        ScoreError: a layer's weights hold NaN or infinity, or the criterion gives NaN, or something
            else than one number for each weight.
    """
    score = CRITERIA.get(criterion)
    known = {"initial": initial, "trained": trained}
    layers = tuple(layers)
    for need in needs(score):
        if need in MEASURED:
            if measured is None:
                raise PruningError(
                    f"The criterion {criterion!r} needs {need}, and there are none here.",
                    "Give `measured`, or choose a criterion of weights alone.",
                )
            known[need] = measured(need, full_mask(layers) if mask is None else mask)
    result = {}
    for layer in layers:
        for label, weights in known.items():
            _check(label, weights, layer)
        generator = torch.Generator().manual_seed(derive_seed(seed, "score", layer.name))
        given: dict[str, object] = {label: weights[layer.name] for label, weights in known.items()}
        given |= {"generator": generator}
        result[layer.name] = _checked(criterion, layer, supply(score, given))
    return result


def _checked(criterion: str, layer: PrunableLayer, found: object) -> Tensor:
    """What a criterion gave for a layer, where it can be ranked."""
    shape = tuple(found.shape) if isinstance(found, Tensor) else None
    if not isinstance(found, Tensor) or shape != layer.shape:
        what = f"the shape {shape}" if shape is not None else f"a {type(found).__name__}"
        raise ScoreError(
            f"The criterion {criterion!r} gives {what} for {layer.name!r}, whose shape is "
            f"{layer.shape}.",
            "Let its function return one number for each weight.",
        )
    if bool(found.isnan().any()):
        raise ScoreError(
            f"The criterion {criterion!r} gives NaN for weights of {layer.name!r}, which has no "
            "order.",
            "Let its function return numbers; infinity is kept the longest.",
        )
    return found


_TITLES = {
    "initial": "initial weights",
    "trained": "trained weights",
    "gradients": "gradients",
    "hessian_gradients": "Hessian times gradient",
    "flow": "flow",
}


def refuse_idle(criterion: str, worth: Weights, mask: Mask) -> None:
    """Refuse a score that says nothing of most of a layer: gradients that do not reach it.

    Raises:
        ScoreError: more than half of the scores of a layer's kept weights are exactly 0.
    """
    for name, score in worth.items():
        kept = int(mask[name].sum())
        idle = int(((score == 0) & mask[name]).sum())
        if 2 * idle > kept:
            raise ScoreError(
                f"The score {criterion!r} is 0 for {idle:,} of the {kept:,} weights of {name!r}: "
                "no gradient reaches them, so it cannot rank them.",
                "Networks of timm begin with the last norm of each branch at 0: set network.init = "
                "'kaiming-normal', which begins norms as the identity. Where inputs are 0, as "
                "pixels of a border, raise pruning.examples_per_class.",
            )


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
    # A sum is finite only where every value is; one that is not may still have overflowed.
    if not bool(values.sum().isfinite()) and not bool(values.isfinite().all()):
        raise ScoreError(
            f"The {_TITLES[label]} of {layer.name!r} hold NaN or infinity, so they have no order.",
            "Training diverged: lower training.lr, or add warmup.",
        )
