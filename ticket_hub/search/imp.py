"""Iterative magnitude pruning (Frankle & Carbin 2019, section 1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import Tensor

from ticket_hub.data import DataSet
from ticket_hub.networks import build, initialize, prunable_layers
from ticket_hub.pruning import density, full_mask, next_mask
from ticket_hub.recipe import Recipe
from ticket_hub.training import Member, Progress, Trained, train
from ticket_hub.types import Architecture, Mask, Weights

__all__ = ["Level", "Trial", "search"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Trial:
    """One trial at one level: where it started, what it kept, how it trained."""

    seed: int
    theta0: Weights
    mask: Mask
    trained: Trained


@dataclass(frozen=True, kw_only=True, eq=False)
class Level:
    """One pruning round of all trials; level 0 is dense."""

    index: int
    density: float
    trials: tuple[Trial, ...]


def search(
    recipe: Recipe, data: DataSet, *, observe: Callable[[Progress], None] | None = None
) -> Iterator[Level]:
    """Yield one Level per pruning round."""
    channels, height, width = data.input_shape
    architecture = Architecture(
        name=recipe.network.name,
        options=tuple(sorted(recipe.network.options.items())),
        channels=channels,
        height=height,
        width=width,
        classes=data.classes,
    )
    module = build(architecture)
    layers = prunable_layers(module)
    seeds = [recipe.search.seed + trial for trial in range(recipe.search.trials)]
    theta0 = [initialize(module, recipe.network, seed) for seed in seeds]
    masks: list[dict[str, Tensor]] = [full_mask(layers) for _ in seeds]
    for index in range(recipe.search.levels + 1):
        members = [
            Member(name=f"trial-{t}", seed=seed, level=index, weights=theta0[t], mask=masks[t])
            for t, seed in enumerate(seeds)
        ]
        trained = train(architecture, data, recipe.training, members, observe=observe)
        yield Level(
            index=index,
            density=density(masks[0]),
            trials=tuple(
                Trial(seed=seed, theta0=theta0[t], mask=masks[t], trained=trained[t])
                for t, seed in enumerate(seeds)
            ),
        )
        masks = [
            next_mask(
                recipe.pruning,
                layers,
                initial=theta0[t],
                trained=trained[t].weights,
                mask=masks[t],
                seed=seed,
            )
            for t, seed in enumerate(seeds)
        ]
