"""`/api/v1/tickets`: finding tickets."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from fastapi import Depends, Path, Query, Request

from ticket_hub.types import Word
from ticket_hub_api.catalog.ticket_query import Sort, TicketFilter
from ticket_hub_api.catalog.ticket_shapes import TicketPage
from ticket_hub_api.catalog.tickets import MAX_PAGE, page_of
from ticket_hub_api.rest.routing import rest_router
from ticket_hub_api.services import services_of
from ticket_hub_api.web.problems import answers
from ticket_hub_api.web.requests import Caller

__all__ = ["Wanted", "Which", "router", "wanted_ticket"]

router = rest_router("/api/v1/tickets", "tickets", cached=True)
Text = Annotated[str, Query(max_length=200, pattern=r"^[^\x00]*$")]
Share = Annotated[float | None, Query(ge=0, le=1)]
Name = Annotated[str, Path(max_length=96, pattern=r"^[A-Za-z0-9._-]+$")]
Revision = Annotated[str, Query(max_length=255, pattern=r"^[A-Za-z0-9._/+-]+$")]


class Wanted(NamedTuple):
    """Which ticket, at which branch, tag or commit."""

    repo: str
    revision: str


def wanted_ticket(owner: Name, name: Name, revision: Revision = "main") -> Wanted:
    """The ticket that an address names."""
    return Wanted(f"{owner}/{name}", revision)


Which = Annotated[Wanted, Depends(wanted_ticket)]
REFUSALS = answers(401, 422, 429, 503)


@router.get("", responses=REFUSALS)
def list_tickets(
    request: Request,
    caller: Caller,
    *,
    network: Text = "",
    dataset: Text = "",
    density_min: Share = None,
    density_max: Share = None,
    accuracy_min: Share = None,
    accuracy_max: Share = None,
    verdict: Word | None = None,
    metric: Text = "",
    owner: Text = "",
    text: Text = "",
    max_ms: Annotated[float | None, Query(gt=0)] = None,
    max_size: Annotated[int | None, Query(ge=1, le=2**53)] = None,
    sort: Sort = "updated",
    descending: bool = True,
    cursor: Annotated[str, Query(max_length=1000)] = "",
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
) -> TicketPage:
    """Find tickets that the caller may see.

    Density, accuracy and verdict must hold for one and the same level of a ticket, in its search
    or, where a verdict is asked for, in an experiment with it on the same data, which
    `fitting` then names: the one that is meant without a level, or else the sparsest that fits.
    With `sort=best` the best by `metric`, which must be named, come first, whether more or less of
    it is better. `sort=replays` is by replays of others that came out, then by those to the bit.
    `max_ms` and `max_size` ask for tickets whose costs were measured, by their `cost`; `sort=size`
    and `sort=speedup` put those that nobody has measured last.
    """
    wanted = TicketFilter(
        network=network, dataset=dataset, density_min=density_min, density_max=density_max,
        accuracy_min=accuracy_min, accuracy_max=accuracy_max, verdict=verdict, metric=metric,
        owner=owner, text=text, max_ms=max_ms, max_size=max_size, sort=sort, descending=descending,
    )  # fmt: skip
    with services_of(request).database.read() as connection:
        return page_of(connection, wanted, caller, cursor=cursor, limit=limit)
