"""Train every ticket from theta0 in several data orders, and read the lines between the ends."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from ticket_hub.analysis.interpolation.line import (
    POINTS,
    Interpolation,
    by_trial,
    measure_interpolation,
    read_line,
)
from ticket_hub.analysis.interpolation.reading import WeightReader
from ticket_hub.analysis.measure import TrialMeasure
from ticket_hub.analysis.subject import Subject, to_the_end
from ticket_hub.bundle.ticket import TicketContent
from ticket_hub.recipe import Recipe, TrainingSpec
from ticket_hub.training import Member

__all__ = ["MEASURES", "InterpolationSettings", "compute", "settings"]


@dataclass(frozen=True, kw_only=True)
class InterpolationSettings:
    """What besides the tickets decides a line."""

    training: TrainingSpec
    points: int = POINTS


def settings(recipe: Recipe) -> InterpolationSettings:
    """As the recipe trains."""
    return InterpolationSettings(training=recipe.training)


def compute(subject: Subject) -> Interpolation:
    """The error barriers of each trial's ticket; of the dense networks at level 0.

    Ticket and dense network of a trial have the same data orders. Each two of these are a pair.

    Raises:
        DataError, TrainingError: the networks cannot be trained.
    """
    given: InterpolationSettings = subject.settings
    orders = range(subject.orders)
    members = [_member(subject, ticket, order) for ticket in subject.tickets for order in orders]
    trained = [each.weights for each in subject.train(to_the_end(given.training), members)]
    read = WeightReader(
        subject.architecture, subject.gym.data, given.training, subject.seed_for("statistics")
    )
    lines = [
        read_line(
            # Trained trial by trial, each in all orders.
            trained[len(orders) * place + first],
            trained[len(orders) * place + second],
            read,
            trial=ticket.trial,
            seeds=[_order_seed(subject, ticket.trial, order) for order in (first, second)],
            points=given.points,
        )
        for place, ticket in enumerate(subject.tickets)
        for first, second in itertools.combinations(orders, 2)
    ]
    return measure_interpolation(
        lines,
        start=subject.tickets[0].start,
        iterations=given.training.iterations,
        test_examples=len(subject.gym.data.test),
        statistics_examples=read.statistics_examples,
    )


def _order_seed(subject: Subject, trial: int, order: int) -> int:
    return subject.seed_for("order", trial, order)


def _member(subject: Subject, ticket: TicketContent, order: int) -> Member:
    return Member(
        name=f"trial-{ticket.trial}-order-{order}",
        seed=_order_seed(subject, ticket.trial, order),
        level=0,
        weights=ticket.theta0,
        mask=ticket.mask,
        start=ticket.start,
    )


MEASURES = {
    "dip": TrialMeasure(
        lambda result, _: [-100 * each for each in by_trial(result.lines, "error_barrier")],
        " points",
    )
}
"""Least accuracy on the lines of a trial minus the mean of their ends: at most 0."""
