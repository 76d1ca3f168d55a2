"""`/api/v1/leaderboard`: which tickets are best, by the rules of `ticket best`."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request

from ticket_hub.recipe.own import ACCURACY
from ticket_hub.types import Word
from ticket_hub_api.catalog.leaderboard import Leaderboard, leaderboard_of
from ticket_hub_api.catalog.leaderboard_rows import LeaderboardFilter, Order
from ticket_hub_api.catalog.tickets import MAX_PAGE
from ticket_hub_api.rest.routing import rest_router
from ticket_hub_api.rest.tickets import Share, Text
from ticket_hub_api.services import services_of
from ticket_hub_api.web.problems import answers
from ticket_hub_api.web.requests import Caller

__all__ = ["router"]

router = rest_router("/api/v1", "tickets", cached=True)


@router.get("/leaderboard", responses=answers(401, 422, 429, 503))
def show_leaderboard(
    request: Request,
    caller: Caller,
    *,
    dataset: Text = "",
    network: Text = "",
    density_min: Share = None,
    density_max: Share = None,
    metric: Text = ACCURACY.label,
    verdict: Word | None = None,
    tested: bool = False,
    sort: Order = "value",
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
) -> Leaderboard:
    """Which tickets are best, by one metric and in its direction, data set by data set.

    What tickets come to on different data has no order: places and fronts are those within a data
    set, and where none is named, of each as many are given as of the others. Entries that were
    trained beside controls come first and have a `place`; the others, whatever they read, follow
    without one. `front` marks those that no sparser entry with controls equals. With `sort=replays`
    those come first that others replayed most often.
    """
    wanted = LeaderboardFilter(
        dataset=dataset, network=network, density_min=density_min, density_max=density_max,
        metric=metric, verdict=verdict or "", tested=tested, sort=sort,
    )  # fmt: skip
    with services_of(request).database.read() as connection:
        return leaderboard_of(connection, wanted, caller, limit=limit)
