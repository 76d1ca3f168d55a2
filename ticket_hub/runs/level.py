"""What a search yields: levels, their trials, and why it ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from ticket_hub.training import Trained
from ticket_hub.types import Mask, Weights

__all__ = ["Ending", "Level", "LevelSummary", "Reason", "Trial"]

Reason: TypeAlias = Literal["levels", "density", "accuracy", "collapse", "exhausted"]
"""Why no level follows; see `Ending`."""


@dataclass(frozen=True, kw_only=True)
class Ending:
    """Why no level follows.

    Attributes:
        reason: `levels`: the recipe's number of rounds is done. `density`: the next level would
            be below `search.stop_density`. `accuracy`: the mean test accuracy fell below the
            dense network's by more than `search.stop_below_dense`. `collapse`: a layer would
            lose its last weight. `exhausted`: rounding leaves nothing to prune.
        about: one sentence for people.
        layer: with `collapse`, the parameter name of that layer.
    """

    reason: Reason
    about: str
    layer: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Trial:
    """One trial at one level: where it started, what it kept, how it trained.

    Attributes:
        seed: of all its randomness.
        theta0: the dense weights that a ticket of this trial starts from. Where the recipe
            rewinds, `trained` began with them; with `rewind` = `lr` or `none`, from level 1 on,
            it began with the pruned weights of the level before.
        mask: what this level keeps.
        trained: weights and curves after training.
    """

    seed: int
    theta0: Weights
    mask: Mask
    trained: Trained


@dataclass(frozen=True, kw_only=True)
class LevelSummary:
    """One level as numbers, as it is told to people and to other processes.

    Attributes:
        index: which round; 0 is dense.
        density: kept weights over prunable weights.
        test_accuracy: mean over the trials at the early stop, in [0, 1].
        early_stop: mean over the trials of the early-stop iteration.
    """

    index: int
    density: float
    test_accuracy: float
    early_stop: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Level:
    """One pruning round of all trials; level 0 is dense.

    Attributes:
        index: which round.
        density: kept weights over prunable weights, the same for all trials.
        trials: in the order of their seeds.
        ending: why this is the last level, or None where another one follows.
        resumed: whether it was read from disk instead of trained just now.
    """

    index: int
    density: float
    trials: tuple[Trial, ...]
    ending: Ending | None = None
    resumed: bool = False

    @property
    def summary(self) -> LevelSummary:
        """The level as numbers."""
        return LevelSummary(
            index=self.index,
            density=self.density,
            test_accuracy=self.test_accuracy,
            early_stop=self.early_stop,
        )

    @property
    def early_stop(self) -> float:
        """Mean over the trials of the early-stop iteration."""
        stops = [trial.trained.curves.stopped_at for trial in self.trials]
        return sum(stops) / len(stops)

    @property
    def test_accuracy(self) -> float:
        """Mean over the trials of the test accuracy at the early stop, in [0, 1]."""
        readings = [trial.trained.curves.accuracy for trial in self.trials]
        return sum(readings) / len(readings)
