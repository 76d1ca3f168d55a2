"""Where the trained weights of the dense network come from: the search's own, or trained again."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from ticket_hub.analysis.movement import Movement, measure_movement
from ticket_hub.analysis.subject import Subject
from ticket_hub.content_id import content_digest
from ticket_hub.pruning import full_mask
from ticket_hub.recipe import Recipe, TrainingSpec
from ticket_hub.runs.folder import RunFolder
from ticket_hub.training import Member
from ticket_hub.types import Weights

__all__ = ["MovementSettings", "search_movement", "to_the_end"]


@dataclass(frozen=True, kw_only=True)
class MovementSettings:
    """What besides the tickets decides how weights move."""

    training: TrainingSpec

    @classmethod
    def of(cls, recipe: Recipe) -> MovementSettings:
        """As the recipe trains."""
        return cls(training=recipe.training)


def to_the_end(training: TrainingSpec) -> TrainingSpec:
    """The same training read once, at its end, where only the last weights are asked for.

    Readings do not change the weights, unless `patience` lets them end the training.
    """
    if training.patience:
        return training
    return dataclasses.replace(training, evaluate_every=training.iterations, test="chosen")


def search_movement(subject: Subject) -> Movement:
    """How far weights moved in the training of the dense network, from theta0 on.

    Where the bundle lies in the run folder of its search, and that trained as asked, its own
    weights are read. Elsewhere the dense network is trained again from theta0, with the search's
    own data orders.

    Raises:
        RunError: a file of the run is damaged.
        DataError, TrainingError: the dense network has to be trained again, and cannot be.
    """
    kept = _from_search(subject)
    trained = _retrained(subject) if kept is None else kept
    tickets = subject.tickets
    return measure_movement(
        [ticket.theta0 for ticket in tickets],
        trained,
        [ticket.mask for ticket in tickets],
        iterations=subject.recipe.training.iterations - tickets[0].start,
        source="retrained" if kept is None else "search",
    )


def _from_search(subject: Subject) -> list[Weights] | None:
    """The trained weights of level 0, or None where the search's run is not at hand."""
    run = RunFolder(subject.source.bundle.path.parent)
    if not (run.path / "run.json").exists() or not run.has_level(0):
        return None
    header, theta0 = run.read_header(), run.read_theta0()
    if header is None or theta0 is None or header.recipe.training != subject.recipe.training:
        return None
    if [content_digest(each) for each in theta0] != list(subject.source.theta0):
        return None
    level = run.read_level(0, None, theta0)
    return [level.trials[trial].trained.weights for trial in subject.trials]


def _retrained(subject: Subject) -> list[Weights]:
    mask = full_mask(subject.layers)
    members = [
        Member(
            name=f"dense-{ticket.trial}",
            seed=subject.trial_seed(ticket.trial),
            level=0,
            weights=ticket.theta0,
            mask=mask,
            start=ticket.start,
        )
        for ticket in subject.tickets
    ]
    training = to_the_end(subject.recipe.training)
    known = subject.gym.dense  # of another level
    if "movement" not in known:
        known["movement"] = [each.weights for each in subject.train(training, members)]
    return known["movement"]
