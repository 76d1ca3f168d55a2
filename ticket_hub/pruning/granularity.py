"""What is kept or dropped as one: one class and one decorator each.

Score -> reduce -> select -> apply. A criterion scores every weight; a granularity joins the weights
of a layer to entries, and sums up their scores; a ranking drops an exact number of entries; and
each entry that is dropped takes all of its weights out of the mask. Criterion and granularity never
know each other.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TypeVar

import torch
from torch import Tensor

from ticket_hub.errors import PluginError
from ticket_hub.pruning.select import drop_lowest
from ticket_hub.recipe.axes import GRANULARITIES
from ticket_hub.shapes import Bool
from ticket_hub.types import Mask

__all__ = ["Granularity", "granularity_of", "register_granularity"]

G = TypeVar("G", bound="type[Granularity]")


class Granularity(ABC):
    """How the weights of a layer are joined to entries of one size.

    Attributes:
        name: as the recipe has it; one class may serve many names, such as `2:4` and `1:4`.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    @abstractmethod
    def split(self, values: Tensor) -> Tensor:
        """A layer's values by entries: `(*layer)` -> `(entries, weights of each)`."""

    @abstractmethod
    def join(self, values: Tensor, shape: tuple[int, ...]) -> Tensor:
        """The opposite: `(entries, weights of each)` -> `(*layer)`, which is `shape`."""

    def reduce(self, scores: Tensor) -> Tensor:
        """What each entry is worth, by default the mean: `(entries, weights)` -> `(entries,)`."""
        return scores.mean(1)

    def select(
        self, worth: Mapping[str, Tensor], kept: Mask, count: int
    ) -> dict[str, Bool[Tensor, " entries"]]:
        """Drop exactly `count` of the entries that are kept, by default the least worth.

        Args:
            worth: by layer, of those that compete; `(entries,)` each.
            kept: by layer, of all; `(entries,)` each. The result has its names and shapes.
        """
        return drop_lowest(worth, kept, count)

    def sizes(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """The entries of a layer, and the weights of each."""
        entries, weights = self.split(torch.empty(shape, device="meta")).shape
        return entries, weights

    def kept(self, keep: Tensor) -> Bool[Tensor, " entries"]:
        """The entries of which a layer's mask keeps anything: bool `(*layer)` -> `(entries,)`."""
        return self.split(keep).any(1)

    def applied(self, keep: Tensor, kept: Bool[Tensor, " entries"]) -> Tensor:
        """A layer's mask without the entries that are not kept: bool `(*layer)`."""
        shape = tuple(keep.shape)
        each = math.prod(shape) // max(1, len(kept))
        return keep & self.join(kept.unsqueeze(1).expand(-1, each), shape)


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
        PluginError: what is decorated is no subclass of `Granularity`.
    """

    def join(kind: G) -> G:
        if not (isinstance(kind, type) and issubclass(kind, Granularity)):
            raise PluginError(
                f"The granularity {name!r} is no subclass of ticket_hub.pruning.Granularity.",
                "Derive a class from it that has the methods `split` and `join`.",
            )
        registered: G = GRANULARITIES.register(name, examples=examples)(kind)
        return registered

    return join


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


def granularity_of(name: str) -> Granularity:
    """The granularity of a name.

    Raises:
        RecipeError: nobody has registered it; the nearest is said.
    """
    made: Granularity = GRANULARITIES.get(name)(name)
    return made
