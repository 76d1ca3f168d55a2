"""The iterations that networks with fresh weights train before the others begin.

theta0 of a ticket that was rewound to iteration k has k iterations of training behind it, and so
have the dense network and the shuffled mask. Fresh weights have none. So that all have the same, a
network with fresh weights is first trained for k iterations of the recipe under its own mask, at
the learning rates of the schedule's beginning; then it begins as the others do, at iteration 0,
with fresh statistics of norms and an optimizer that remembers nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ticket_hub.networks import with_fresh_statistics
from ticket_hub.recipe import TrainingSpec
from ticket_hub.recipe.axes import SCHEDULES
from ticket_hub.training import Member, Trained
from ticket_hub.types import Architecture

__all__ = ["first_name", "first_training", "with_first_steps"]

ORDER = 2
"""Names the stream of data orders of the first iterations; see `ExperimentNetworks.member`."""


def first_name(name: str) -> str:
    """What a member is called while it trains its first iterations."""
    return f"{name}-first"


def first_training(training: TrainingSpec, iterations: int) -> TrainingSpec:
    """How the first iterations are trained: read at their end only, and never stopped early.

    A schedule that depends on the budget, as a cosine that would fall to 0 at the end of so few
    iterations, stays where it begins.
    """
    takes = SCHEDULES.takes(training.schedule) or ()
    return replace(
        training,
        iterations=iterations,
        schedule="constant" if "iterations" in takes else training.schedule,
        evaluate_every=iterations,
        patience=0,
        test="chosen",
    )


def with_first_steps(
    members: Sequence[Member],
    counts: Sequence[int],
    architecture: Architecture,
    train: Callable[[int, list[Member]], Sequence[Trained]],
) -> list[Member]:
    """The members as they begin with the others, those with fresh weights after their first steps.

    Args:
        counts: of each member, how many iterations it trains first; mostly 0.
        train: trains members for so many iterations.

    Raises:
        TicketHubError: as `train`.
    """
    found = list(members)
    # All members of a population have one budget, so each count is a population of its own.
    for count in sorted(set(counts) - {0}):
        places = [place for place, each in enumerate(counts) if each == count]
        first = [
            replace(members[place], name=first_name(members[place].name), level=ORDER)
            for place in places
        ]
        for place, done in zip(places, train(count, first), strict=True):
            weights = with_fresh_statistics(architecture, done.weights)
            found[place] = replace(members[place], weights=weights)
    return found
