"""Scores of theta0 as the search took them, for the controls that ask what they are worth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

from ticket_hub.bundle.ticket import TicketContent
from ticket_hub.data import DataSet
from ticket_hub.errors import EvidenceError
from ticket_hub.networks import outline
from ticket_hub.pruning import one_shot_mask
from ticket_hub.pruning.criteria import scores
from ticket_hub.recipe import PruningSpec, TrainingSpec
from ticket_hub.structured.dependencies import structure_for
from ticket_hub.training.slopes import measure
from ticket_hub.types import Mask, Weights

__all__ = ["Theta0Scores"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Theta0Scores:
    """What a search at theta0 saw of it.

    Attributes:
        ticket: of the search; its theta0 is scored.
        spec: how the search pruned.
        seed: of the search's trial, which drew the examples.
        level: of the ticket.
        data: gives the data set to take gradients on.
        training: which says how the loss is computed.
    """

    ticket: TicketContent
    spec: PruningSpec
    seed: int
    level: int
    data: Callable[[], DataSet]
    training: TrainingSpec

    def scores(self) -> Weights:
        """The scores of all weights of theta0, asked once.

        Raises:
            EvidenceError: the search scored trained weights, which a bundle has not.
            PruningError, ScoreError: as `ticket_hub.pruning.criteria.scores`.
        """
        given = self._given(self.spec)
        return scores(self.spec.criterion, outline(self.ticket.architecture).layers, **given)

    def rescored(self, examples: str) -> Mask:
        """The mask that the search would have found on other examples.

        Args:
            examples: `random-labels` or `random-pixels`; scores that ask for no data do not change.

        Raises:
            EvidenceError: the search scored trained weights, which a bundle has not.
            PruningError, ScoreError: as `ticket_hub.pruning.one_shot_mask`.
        """
        architecture = self.ticket.architecture
        spec = replace(self.spec, examples=cast("Any", examples))
        layers, structure = outline(architecture).layers, structure_for(spec, architecture)
        given = self._given(spec)
        return one_shot_mask(spec, layers, **given, level=self.level, structure=structure)

    def _given(self, spec: PruningSpec) -> dict[str, Any]:
        if spec.when == "trained" or spec.is_in_training:
            raise EvidenceError(
                "The controls 'invert', 'random-labels' and 'random-pixels' score theta0 again, "
                "and the search that found this ticket scored trained weights.",
                "Leave them out, or take a ticket of a search with pruning.when = 'init'.",
            )
        theta0 = self.ticket.theta0

        def measured(need: str, mask: Mask) -> Weights:
            """What a criterion needs at theta0, under the mask so far."""
            architecture, at = self.ticket.architecture, (theta0, mask)
            return measure(
                need, architecture, self.data, self.training, at, seed=self.seed, spec=spec
            )

        return {"initial": theta0, "trained": theta0, "seed": self.seed, "measured": measured}
