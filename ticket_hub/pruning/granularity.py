"""Granularities by name: how one is registered, found, and what it asks for.

The class of single weights is here; blocks and units have modules of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from torch import Tensor

from ticket_hub.errors import PruningError
from ticket_hub.pruning.granularity_base import AnyGranularity, Granularity
from ticket_hub.pruning.structure import Structure
from ticket_hub.recipe import PruningSpec
from ticket_hub.recipe.axes import GRANULARITIES
from ticket_hub.types import PrunableLayer

__all__ = [
    "check_inputs",
    "granularity_of",
    "needs_structure",
    "register_granularity",
    "takes_inputs",
]

G = TypeVar("G", bound="type[AnyGranularity]")


def register_granularity(name: str, *, examples: tuple[str, ...] = ()) -> Callable[[G], G]:
    """Register a class of granularities.

    ```python
    @register_granularity("output")
    class OfOutput(Granularity):
        def split(self, values):
            return values.flatten(1)

        def join(self, values, shape):
            return values.reshape(shape)
    ```

    Args:
        name: what `pruning.granularity` is in a recipe; with examples, a regular expression.
        examples: names to show.

    Raises:
        PluginError: what is decorated is no subclass of `AnyGranularity`.
    """
    remedy = "Derive a class from Granularity that has the methods `split` and `join`."
    return GRANULARITIES.register_class(name, AnyGranularity, remedy, examples=examples)


@register_granularity("weight")
class OfWeight(Granularity):
    """Each weight by itself: unstructured pruning."""

    def split(self, values: Tensor) -> Tensor:
        """`(*layer)` -> `(weights, 1)`."""
        return values.reshape(-1, 1)

    def join(self, values: Tensor, shape: tuple[int, ...]) -> Tensor:
        """`(weights, 1)` -> `(*layer)`."""
        return values.reshape(shape)

    def reduce(self, scores: Tensor) -> Tensor:
        """`(weights, 1)` -> `(weights,)`."""
        return scores.squeeze(1)


def needs_structure(name: str) -> bool:
    """Whether a granularity asks for the units of the network.

    Raises:
        RecipeError: nobody has registered it; the nearest is said.
    """
    return bool(GRANULARITIES.get(name).needs_structure)


def takes_inputs(name: str) -> bool:
    """Whether a granularity is about the inputs of a layer, along axis 1 of its weight.

    Raises:
        RecipeError: nobody has registered it; the nearest is said.
    """
    return bool(GRANULARITIES.get(name).takes_inputs)


def check_inputs(spec: PruningSpec, transposed: Iterable[PrunableLayer]) -> None:
    """Refuse a granularity that is about inputs where the inputs of a layer lie elsewhere.

    Args:
        transposed: layers whose inputs lie along axis 0 of their weights.

    Raises:
        PruningError: one of them would be pruned.
        RecipeError: nobody has registered the granularity.
    """
    if not takes_inputs(spec.granularity):
        return
    for layer in transposed:
        if spec.rate_of(layer) > 0:
            raise PruningError(
                f"{spec.granularity} takes consecutive inputs, which lie along axis 1 of a weight; "
                f"{layer.name} is of a transposed convolution, whose outputs lie there.",
                f"Set pruning.rates.{layer.kind} = 0, or pruning.granularity = 'weight'.",
            )


def granularity_of(spec: PruningSpec, structure: Structure | None = None) -> AnyGranularity:
    """The granularity of a recipe.

    Args:
        structure: the units of the network, where it asks for them.

    Raises:
        RecipeError: nobody has registered it; the nearest is said.
        PruningError: it asks for units, and they are not known.
    """
    made: AnyGranularity = GRANULARITIES.get(spec.granularity)(spec.granularity)
    made.spec = spec
    if structure is not None:
        made.structure = structure
    elif made.needs_structure:
        raise PruningError(
            f"The granularity {spec.granularity!r} needs a network whose units are known.",
            "Take a network of the registry: an author's own function says nothing of its inputs.",
        )
    return made
