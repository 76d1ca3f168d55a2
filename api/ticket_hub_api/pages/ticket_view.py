"""One ticket as its page shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from sqlalchemy.engine import Connection

from ticket_hub_api.accounts.principals import Principal
from ticket_hub_api.catalog.experiments import ExperimentFilter, ExperimentItem, experiments_of
from ticket_hub_api.catalog.tickets import TicketDetail
from ticket_hub_api.pages import readme
from ticket_hub_api.pages.contents import card_of, evidence_of
from ticket_hub_api.services import Services

__all__ = ["Figure", "TicketView", "view_of"]

DENSE = "dense"
MAX_EXPERIMENTS = 100
RULES = {
    "verdict": "the sparsest level whose evidence says winning or matching",
    "mean-within-margin": "the sparsest level whose mean is within 0.2 points of the dense "
    "network's; this is no verdict",
    "densest": "the densest level, since none comes near the dense network",
    "sparsest": "the sparsest level; there is no dense network to compare with",
}


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A figure with its words.

    Attributes:
        name: the last part of its address, without `-narrow` and the suffix.
        title, text: for people; the text stands in for the picture.
    """

    name: str
    title: str
    text: str


@dataclass(frozen=True, kw_only=True)
class TicketView:
    """What the template shows.

    Attributes:
        about: what the bundle says; see `TicketDetail.description`.
        default: the level that is meant where none is named.
        rule: why that one, in words.
        controls: (level, control, what was measured) for every control but the dense network.
        experiments: what its tickets came to elsewhere, most accurate first.
        figures: those that can be drawn.
        card: as safe HTML, or None.
    """

    detail: TicketDetail
    about: Mapping[str, Any]
    default: Mapping[str, Any]
    rule: str
    controls: tuple[tuple[Mapping[str, Any], str, Mapping[str, Any]], ...]
    experiments: tuple[ExperimentItem, ...]
    figures: tuple[Figure, ...]
    card: Markup | None

    @property
    def carried(self) -> list[Mapping[str, Any]]:
        """The levels whose tickets are here."""
        return [level for level in self.about["levels"] if level["carried"]]


_LADDER = Figure(
    name="ladder",
    title="Accuracy and early stop against the weights that remain",
    text="Test accuracy at the early stop, and the iteration of the early stop, against the "
    "weights that remain. The dashed line is the dense network. The table of levels has the "
    "numbers.",
)
_DIFFERENCES = Figure(
    name="differences",
    title="The ticket against its controls",
    text="Accuracy of the ticket minus each control's, with 95% intervals; right of 0 the ticket "
    "is better. The table of controls has the numbers.",
)
_CURVES = Figure(
    name="curves",
    title="While they train",
    text="Test accuracy and validation loss of the tickets during training, at some levels.",
)


def view_of(
    services: Services, connection: Connection, viewer: Principal, ticket: TicketDetail
) -> TicketView:
    """Everything that the page of a ticket shows."""
    about = ticket.description
    chosen = about["default"]
    controls = tuple(
        (level, name, measured)
        for level in about["levels"]
        for name, measured in sorted(level["controls"].items())
        if name != DENSE
    )
    drawn = evidence_of(services, connection, ticket) is not None
    figures = (_LADDER, *([_DIFFERENCES] if controls else []), _CURVES) if drawn else ()
    card = card_of(services, connection, ticket, readme.MAX_BYTES)
    return TicketView(
        detail=ticket,
        about=about,
        default=next(each for each in about["levels"] if each["level"] == chosen["level"]),
        rule=RULES[chosen["rule"]],
        controls=controls,
        experiments=_experiments(connection, viewer, ticket),
        figures=figures,
        card=None if card is None else readme.render_readme(card),
    )


def _experiments(
    connection: Connection, viewer: Principal, ticket: TicketDetail
) -> tuple[ExperimentItem, ...]:
    wanted = ExperimentFilter(ticket=ticket.repo)
    found = experiments_of(connection, wanted, viewer, limit=MAX_EXPERIMENTS)
    return tuple(
        item for item in found.items if item.origin != "search" and item.source == ticket.source
    )
