"""How fast a search goes, and how long it will still take."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ticket_hub.recipe import Recipe
from ticket_hub.recipe.spec import level_count

if TYPE_CHECKING:
    from ticket_hub.training import Progress

__all__ = ["Pace", "duration"]

MIN_SHARE = 0.05
"""Of a level: what must be trained before its pace says anything."""


@dataclass
class Pace:
    """Counts what is done of a search, and guesses the time left.

    Attributes:
        trials, levels, iterations: what the recipe plans, level 0 included in `levels`; of levels
            that differ in size, the mean number of trials.
        clock: seconds since some moment.
        unit: what a level is called.
    """

    trials: float
    levels: int
    iterations: int
    clock: Callable[[], float] = time.monotonic
    unit: str = "level"
    present: int = 0
    first: int = 0
    latest: dict[str, Progress] = field(default_factory=dict)
    _begun: tuple[float, float] | None = None
    _is_warm: bool = False

    @classmethod
    def of(cls, recipe: Recipe) -> Pace:
        """The plan of a recipe."""
        levels = level_count(vars(recipe.pruning), vars(recipe.search))
        first = recipe.search.first_level
        return cls(recipe.search.trials, levels, recipe.training.iterations, first=first)

    def observe(self, progress: Progress) -> None:
        """Take a reading of one trial of the present level."""
        self.latest[progress.member] = progress
        if self._begun is None:
            self._begun = (self.clock(), self.done)
        elif not self._is_warm and self.done > self._begun[1]:
            self._is_warm = True
            if self.done - self._begun[1] < MIN_SHARE:
                # the first steps also compile and fill caches, and say nothing about the others
                self._begun = (self.clock(), self.done)

    def finish(self, index: int) -> None:
        """A level is finished; levels that were read from disk took no time."""
        self.present = index + 1 - self.first
        self.latest.clear()

    @property
    def done(self) -> float:
        """Levels done, the present one in part."""
        steps = sum(each.iteration / each.iterations for each in self.latest.values())
        return self.present + steps / self.trials

    @property
    def seconds_left(self) -> float | None:
        """How long all that the recipe plans will take at the pace so far.

        None before a twentieth of a level was trained. A search that ends early, or that gets
        faster as networks get sparser, takes less.
        """
        if self._begun is None or self.done - self._begun[1] < MIN_SHARE:
            return None
        begun, before = self._begun
        left = max(0.0, self.levels - self.done)  # more networks may train than were planned
        return (self.clock() - begun) / (self.done - before) * left

    @property
    def place(self) -> str:
        """What is trained at present: levels count from 0, the dense network, all else from 1."""
        if self.unit == "level":
            last = self.levels - 1
            return f"level {min(self.present, last)} of {last}"
        return f"{self.unit} {min(self.present + 1, self.levels)} of {self.levels}"

    @property
    def about_left(self) -> str:
        """The time left as a phrase; empty before there is something to guess it from."""
        seconds = self.seconds_left
        return "" if seconds is None else f"about {duration(seconds)} left"


def duration(seconds: float) -> str:
    """So many seconds as people say it: `1 h 5 min`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
