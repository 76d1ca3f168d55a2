"""What became of a ticket: its versions, the evidence about it, its replays, in one list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ticket_hub_api.catalog.experiment_shapes import ExperimentDetail, ExperimentItem
from ticket_hub_api.catalog.ticket_shapes import TicketDetail
from ticket_hub_api.catalog.vouching import Vouching
from ticket_hub_api.pages.wording import moment

__all__ = ["Happened", "history_of"]

MAX_SHOWN = 40


@dataclass(frozen=True, kw_only=True)
class Happened:
    """Something that became of a ticket.

    Attributes:
        when: in UTC, to the minute.
        what: in words.
        who: by whom; empty where that is not known.
        address: of a page with more; empty without one.
    """

    when: str
    what: str
    who: str
    address: str = ""


def history_of(
    ticket: TicketDetail,
    experiments: Sequence[ExperimentItem],
    others: Sequence[ExperimentDetail],
    vouching: Vouching,
) -> tuple[Happened, ...]:
    """What became of a ticket, the latest first, at most 40 things.

    Args:
        experiments: with its tickets, an item for each level.
        others: those that measured something else than accuracy.
        vouching: has its replays.
    """
    found = [
        Happened(
            when=moment(each.created_at),
            what=f"version {', '.join(each.tags) or each.commit[:12]}: {each.title}",
            who=each.author,
            address=f"/tickets/{ticket.repo}?revision={each.commit}",
        )
        for each in ticket.revisions
    ]
    # An experiment has an item for each level, and happened once.
    once = {each.id: each for each in experiments}
    found += [
        Happened(
            when=moment(each.created_at),
            what=f"trained again on {each.dataset}",
            who=each.sender or "its owner",
            address=f"/experiments/{each.id}",
        )
        for each in once.values()
    ]
    found += [
        Happened(
            when=moment(each.created_at),
            what="trained again by its author's own loop",
            who=each.sender or "its owner",
            address=f"/experiments/{each.id}",
        )
        for each in others
    ]
    found += [
        Happened(
            when=each.when.replace("T", " ")[:16],
            what=f"replayed: {each.outcome}",
            who=each.account,
            address="#replays",
        )
        for each in vouching.replays
    ]
    return tuple(sorted(found, key=lambda each: each.when, reverse=True)[:MAX_SHOWN])
