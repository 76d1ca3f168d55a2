"""How much noise on theta0 a ticket stands (Frankle & Carbin 2019, appendix).

To the values that a ticket starts from is added Gaussian noise, whose standard deviation is a
multiple of that of the layer's initialization; then it is trained as before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ticket_hub.analysis.interval import Interval, interval_of
from ticket_hub.analysis.measure import TrialMeasure
from ticket_hub.analysis.noise import MULTIPLES
from ticket_hub.analysis.subject import Subject
from ticket_hub.bundle.ticket import TicketContent
from ticket_hub.networks import initialize, with_fresh_statistics
from ticket_hub.recipe import Recipe, TrainingSpec
from ticket_hub.seeds import derive_seed
from ticket_hub.training import Member, Trained
from ticket_hub.transfer.start import make_start
from ticket_hub.types import Weights

__all__ = [
    "MEASURES",
    "Noise",
    "NoiseLevel",
    "NoiseSettings",
    "Outcomes",
    "compute",
    "measure_noise",
    "settings",
    "with_noise",
]


@dataclass(frozen=True, kw_only=True)
class Outcomes:
    """What some networks came to, by trial.

    Attributes:
        accuracies: on the test set at the early stop, in [0, 1].
        early_stops: iterations.
    """

    accuracies: tuple[float, ...]
    early_stops: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class NoiseLevel:
    """The tickets with one amount of noise.

    Attributes:
        name: `0.5 sigma`, or `reinit`: the same masks with fresh values.
        multiple: of sigma; None for `reinit`.
        outcomes: by trial.
        accuracy: mean over the trials.
        early_stop: mean over the trials.
        loss_of_accuracy: accuracy without noise minus accuracy with it, paired by trial.
    """

    name: str
    multiple: float | None
    outcomes: Outcomes
    accuracy: Interval
    early_stop: Interval
    loss_of_accuracy: Interval


@dataclass(frozen=True, kw_only=True)
class Noise:
    """The tickets of one level under rising noise.

    Attributes:
        iterations: budget of each network.
        sigma: standard deviation of each layer's initialization, mean over the trials.
        levels: by rising noise, from 0.
        reinit: the same masks with fresh values.
    """

    UNITS: ClassVar[Mapping[str, str]] = {
        "accuracies, accuracy, loss_of_accuracy": "share of the test examples, in [0, 1]",
        "early_stops, early_stop, iterations": "training iterations",
        "sigma": "value of a weight",
        "multiple": "standard deviations of the layer's initialization",
    }

    iterations: int
    sigma: Mapping[str, float]
    levels: tuple[NoiseLevel, ...]
    reinit: NoiseLevel


@dataclass(frozen=True, kw_only=True)
class NoiseSettings:
    """What besides the tickets decides how they stand noise."""

    training: TrainingSpec
    multiples: tuple[float, ...] = MULTIPLES


def settings(recipe: Recipe) -> NoiseSettings:
    """As the recipe trains."""
    return NoiseSettings(training=recipe.training)


def compute(subject: Subject) -> Noise:
    """What the tickets of one level come to under rising noise on theta0.

    All networks of a trial see the same examples in the same order, and have the same budget.

    Raises:
        DataError, TrainingError: the networks cannot be trained.
    """
    given: NoiseSettings = subject.settings
    sigma = [_sigma(subject, ticket) for ticket in subject.tickets]
    members = list(_members(subject, sigma))
    trained = subject.train(given.training, members)
    # Members come trial by trial, so those of one amount are so many places apart.
    rows = [trained[place :: len(given.multiples) + 1] for place in range(len(given.multiples) + 1)]
    outcomes = [_outcomes(row) for row in rows]
    return measure_noise(
        # The last row is `reinit`, which has no multiple.
        dict(zip(given.multiples, outcomes, strict=False)),
        outcomes[-1],
        sigma={name: sum(each[name] for each in sigma) / len(sigma) for name in sigma[0]},
        iterations=given.training.iterations,
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
        # Statistics of norms were gathered under values without the noise.
        weights=with_fresh_statistics(ticket.architecture, weights),
        mask=ticket.mask,
        start=ticket.start,
    )


def _outcomes(trained: Sequence[Trained]) -> Outcomes:
    curves = [each.curves for each in trained]
    return Outcomes(
        accuracies=tuple(each.accuracy for each in curves),
        early_stops=tuple(each.stopped_at for each in curves),
    )


def with_noise(
    theta0: Weights, sigma: Mapping[str, float], multiple: float, seed: int
) -> dict[str, Tensor]:
    """Starting weights with Gaussian noise on the layers that have a sigma; shapes stay.

    Each layer's noise is a pure function of the seed, the multiple and the layer's name, so that
    it does not depend on the mask.

    Args:
        sigma: layer's parameter -> standard deviation of its initialization.
        multiple: of sigma; with 0 the weights come out to the bit.
    """
    noisy = dict(theta0)
    if multiple:
        for name, scale in sigma.items():
            stream = derive_seed(seed, "noise", str(multiple), name)
            generator = torch.Generator().manual_seed(stream)
            drawn = torch.randn(theta0[name].shape, generator=generator)
            noisy[name] = theta0[name].cpu() + multiple * scale * drawn
    return noisy


def measure_noise(
    outcomes: Mapping[float, Outcomes],
    reinit: Outcomes,
    *,
    sigma: Mapping[str, float],
    iterations: int,
) -> Noise:
    """Sum up what the networks came to.

    Args:
        outcomes: by multiple of sigma; 0 must be among them.

    Raises:
        EvidenceError: unequal numbers of trials, or a value that is not finite.
    """
    still = outcomes[0.0]
    return Noise(
        iterations=iterations,
        sigma=dict(sigma),
        levels=tuple(
            _level(f"{multiple:g} sigma", multiple, outcomes[multiple], still)
            for multiple in sorted(outcomes)
        ),
        reinit=_level("reinit", None, reinit, still),
    )


def _level(name: str, multiple: float | None, found: Outcomes, still: Outcomes) -> NoiseLevel:
    return NoiseLevel(
        name=name,
        multiple=multiple,
        outcomes=found,
        accuracy=interval_of(found.accuracies),
        early_stop=interval_of(found.early_stops),
        loss_of_accuracy=interval_of(still.accuracies, found.accuracies),
    )


def _over(result: Noise, multiple: float, other: Outcomes) -> list[float]:
    """Points of accuracy with so much noise above other networks, by trial."""
    found = next(each.outcomes for each in result.levels if each.multiple == multiple)
    pairs = zip(found.accuracies, other.accuracies, strict=True)
    return [100 * (mine - theirs) for mine, theirs in pairs]


def _gain(multiple: float) -> TrialMeasure:
    return TrialMeasure(
        lambda result, _: _over(result, multiple, result.levels[0].outcomes), " points"
    )


def _lead(multiple: float) -> TrialMeasure:
    return TrialMeasure(
        lambda result, _: _over(result, multiple, result.reinit.outcomes), " points"
    )


MEASURES = {
    **{f"gain-{multiple:g}": _gain(multiple) for multiple in MULTIPLES if multiple},
    **{f"lead-{multiple:g}": _lead(multiple) for multiple in MULTIPLES},
}
"""Accuracy with so many sigma of noise minus that without (`gain`), or `reinit`'s (`lead`)."""
