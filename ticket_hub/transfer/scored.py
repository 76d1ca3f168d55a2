"""Scores of theta0 as the search took them, for the control that keeps the lowest."""

from __future__ import annotations

from collections.abc import Callable

from ticket_hub.bundle.ticket import TicketContent
from ticket_hub.data import DataSet
from ticket_hub.errors import EvidenceError
from ticket_hub.networks import outline
from ticket_hub.pruning.criteria import scores
from ticket_hub.recipe import PruningSpec, TrainingSpec
from ticket_hub.training.slopes import measure
from ticket_hub.types import Mask, Weights

__all__ = ["theta0_scores"]


def theta0_scores(
    ticket: TicketContent,
    spec: PruningSpec,
    seed: int,
    data: Callable[[], DataSet],
    training: TrainingSpec,
) -> Weights:
    """The scores of all weights of theta0, asked once.

    Args:
        spec: of the search that found the ticket.
        seed: of the search's trial, which drew the examples.
        data: gives the data set to take gradients on.

    Raises:
        EvidenceError: the search scored trained weights, which a bundle has not.
        PruningError, ScoreError: as `ticket_hub.pruning.criteria.scores`.
    """
    if spec.when == "trained":
        raise EvidenceError(
            "The control 'invert' keeps the lowest scores of theta0, and the search that found "
            "this ticket scored trained weights.",
            "Leave out 'invert', or take a ticket of a search with pruning.when = 'init'.",
        )

    def measured(need: str, mask: Mask) -> Weights:
        at = (ticket.theta0, mask)
        return measure(need, ticket.architecture, data, training, at, seed=seed, spec=spec)

    return scores(
        spec.criterion,
        outline(ticket.architecture).layers,
        initial=ticket.theta0,
        trained=ticket.theta0,
        seed=seed,
        measured=measured,
    )
