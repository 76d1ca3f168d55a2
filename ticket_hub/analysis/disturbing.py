"""Train tickets from theta0 with noise, beside the same masks with fresh values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ticket_hub.analysis.noise import MULTIPLES, Noise, Outcomes, measure_noise, with_noise
from ticket_hub.analysis.subject import Subject
from ticket_hub.bundle.ticket import TicketContent
from ticket_hub.networks import initialize, with_fresh_statistics
from ticket_hub.recipe import Recipe, TrainingSpec
from ticket_hub.training import Member, Trained
from ticket_hub.transfer.controls import make_start
from ticket_hub.types import Weights

__all__ = ["NoiseSettings", "search_noise"]


@dataclass(frozen=True, kw_only=True)
class NoiseSettings:
    """What besides the tickets decides how they stand noise."""

    training: TrainingSpec
    multiples: tuple[float, ...] = MULTIPLES

    @classmethod
    def of(cls, recipe: Recipe) -> NoiseSettings:
        """As the recipe trains."""
        return cls(training=recipe.training)


def search_noise(subject: Subject) -> Noise:
    """What the tickets of one level come to under rising noise on theta0.

    All networks of a trial see the same examples in the same order, and have the same budget.

    Raises:
        DataError, TrainingError: the networks cannot be trained.
    """
    settings: NoiseSettings = subject.settings
    sigma = [_sigma(subject, ticket) for ticket in subject.tickets]
    members = list(_members(subject, sigma))
    trained = subject.train(settings.training, members)
    rows = [
        trained[place :: len(settings.multiples) + 1]
        for place in range(len(settings.multiples) + 1)
    ]
    outcomes = [_outcomes(row) for row in rows]
    return measure_noise(
        dict(zip(settings.multiples, outcomes, strict=False)),
        outcomes[-1],
        sigma={name: sum(each[name] for each in sigma) / len(sigma) for name in sigma[0]},
        iterations=settings.training.iterations,
    )


def _sigma(subject: Subject, ticket: TicketContent) -> dict[str, float]:
    """Standard deviation of each layer in the initialization of the ticket's own trial."""
    seed = subject.trial_seed(ticket.trial)
    drawn = initialize(subject.architecture, subject.recipe.network, seed)
    return {name: float(drawn[name].std(correction=0)) for name in ticket.mask}


def _members(subject: Subject, sigma: Sequence[dict[str, float]]) -> Iterator[Member]:
    """Trial by trial: every amount of noise, then reinit."""
    multiples: tuple[float, ...] = subject.settings.multiples
    for ticket, scales in zip(subject.tickets, sigma, strict=True):
        seed = subject.seed_for("draw", subject.level, ticket.trial)
        for multiple in multiples:
            weights = with_noise(ticket.theta0, scales, multiple, seed)
            yield _member(subject, ticket, f"noise-{multiple:g}", weights)
        fresh = make_start("reinit", ticket, subject.recipe.network, seed)
        yield _member(subject, ticket, "reinit", fresh.weights)


def _member(subject: Subject, ticket: TicketContent, name: str, weights: Weights) -> Member:
    return Member(
        name=f"{name}-{ticket.trial}",
        seed=subject.seed_for("order", ticket.trial),
        level=0,
        weights=with_fresh_statistics(ticket.architecture, weights),
        mask=ticket.mask,
        start=ticket.start,
    )


def _outcomes(trained: Sequence[Trained]) -> Outcomes:
    curves = [each.curves for each in trained]
    return Outcomes(
        accuracies=tuple(float(each.test_accuracy[each.early_stop]) for each in curves),
        early_stops=tuple(int(each.iterations[each.early_stop]) for each in curves),
    )
