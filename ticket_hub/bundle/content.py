"""What a bundle carries, as values: the writer takes it, the reader gives it back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ticket_hub.recipe import Recipe
from ticket_hub.training import Curves
from ticket_hub.types import Architecture, Mask, Weights

__all__ = ["BundleContent", "DataRecord", "LevelContent", "TrialContent"]


@dataclass(frozen=True, kw_only=True)
class DataRecord:
    """The data that the evidence was measured on.

    Attributes:
        name: as in the recipe.
        fingerprint: sha256 over pixels, labels and split.
        mean, std: per channel, in units of [0, 1]; what inputs were normalized with.
    """

    name: str
    fingerprint: str
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class TrialContent:
    """One repetition: its seed, and the dense weights that survivors start from.

    Attributes:
        index: which repetition.
        seed: of all its randomness.
        theta0: state dict at the rewinding step.
        start: that step.
    """

    index: int
    seed: int
    theta0: Weights
    start: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class LevelContent:
    """One pruning round of all trials: masks and evidence, in the order of the trials."""

    index: int
    masks: tuple[Mask, ...]
    curves: tuple[Curves, ...]
    backends: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class BundleContent:
    """A whole search so far.

    Attributes:
        environment: the fingerprint of what it was made with; see `ticket_hub.environment`.
        bit_exact: False for ever once a run was resumed in another environment.
    """

    recipe: Recipe
    architecture: Architecture
    data: DataRecord
    environment: Mapping[str, str]
    trials: tuple[TrialContent, ...]
    levels: tuple[LevelContent, ...]
    bit_exact: bool = True
