"""The leaderboard: which tickets are best, by one metric, with the front drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from ticket_hub.recipe.own import ACCURACY
from ticket_hub_api.accounts.principals import Principal
from ticket_hub_api.catalog.leaderboard import LeaderboardItem, leaderboard_of
from ticket_hub_api.catalog.leaderboard_rows import LeaderboardFilter, Order
from ticket_hub_api.pages.drawing import pareto_figure
from ticket_hub_api.pages.filters import VERDICTS, known_names, one_of, share_of
from ticket_hub_api.pages.rendering import render
from ticket_hub_api.pages.router import READ_METHODS, page_router
from ticket_hub_api.pages.sessions import Anyone
from ticket_hub_api.pages.wording import item_value
from ticket_hub_api.services import Services, services_of
from ticket_hub_api.web.requests import endpoint_of

__all__ = ["router"]

router = page_router()
BANDS: Mapping[str, tuple[float | None, float | None]] = {
    "over 50%": (0.5, None),
    "20 to 50%": (0.2, 0.5),
    "5 to 20%": (0.05, 0.2),
    "1 to 5%": (0.01, 0.05),
    "under 1%": (None, 0.01),
}
"""Bands of density, for people to choose from."""
ORDERS: Mapping[str, Order] = {"best first": "value", "most replayed first": "replays"}
MAX_LENGTH, PAGE = 200, 100
SEVERAL = 5
"""Entries of each data set, where none was chosen."""


@dataclass(frozen=True, kw_only=True)
class LeaderboardGroup:
    """The entries of one data set: only these have an order.

    Attributes:
        dataset: what they were trained and tested on.
        items: the first of them.
        address: where they are alone, and all of them.
    """

    dataset: str
    items: tuple[LeaderboardItem, ...]
    address: str


@router.api_route("/leaderboard", methods=READ_METHODS)
async def leaderboard(request: Request, visitor: Anyone) -> Response:
    """The best tickets by data set, network and density band."""
    services, query = services_of(request), request.query_params
    values = {
        name: query.get(name, "").strip()[:MAX_LENGTH]
        for name in ("dataset", "network", "metric", "weights_min", "weights_max")
    }
    values["band"] = one_of(query.get("band", ""), BANDS, "")
    values["verdict"] = one_of(query.get("verdict", ""), VERDICTS, "")
    values["tested"] = one_of(query.get("tested", ""), ("yes",), "")
    values["order"] = one_of(query.get("order", ""), ORDERS, "")
    found = await run_in_threadpool(_find, services, visitor, _wanted(values))
    names = await known_names(services, visitor)
    groups = _groups(found, values)
    context = {
        "groups": groups,
        "figure": pareto_figure(found, item_value) if len(groups) == 1 else None,
        "orders": list(ORDERS)[1:],
        "values": values,
        "bands": list(BANDS),
        "verdicts": VERDICTS,
        "names": names,
        "endpoint": endpoint_of(request),
        "api": "/api/v1/leaderboard?" + urlencode(_asked(_wanted(values))),
    }
    return render(request, "leaderboard.html", context)


def _wanted(values: Mapping[str, str]) -> LeaderboardFilter:
    low, high = BANDS.get(values["band"], (None, None))
    least, most = share_of(values["weights_min"])[0], share_of(values["weights_max"])[0]
    return LeaderboardFilter(
        dataset=values["dataset"],
        network=values["network"],
        metric=values["metric"] or ACCURACY.label,
        density_min=low if least is None else least,
        density_max=high if most is None else most,
        verdict=values["verdict"],
        tested=values["tested"] == "yes",
        sort=ORDERS.get(values["order"], "value"),
    )


def _groups(items: Sequence[LeaderboardItem], values: Mapping[str, str]) -> list[LeaderboardGroup]:
    """The entries by data set, in the order in which these come first."""
    found: dict[str, list[LeaderboardItem]] = {}
    for item in items:
        found.setdefault(item.dataset, []).append(item)
    kept = {name: value for name, value in values.items() if value}
    return [
        LeaderboardGroup(
            dataset=dataset,
            items=tuple(own if len(found) == 1 else own[:SEVERAL]),
            address=f"/leaderboard?{urlencode(kept | {'dataset': dataset})}",
        )
        for dataset, own in found.items()
    ]


def _asked(wanted: LeaderboardFilter) -> dict[str, str]:
    """The same for the REST API, without what asks for nothing."""
    said = {name: value for name, value in vars(wanted).items() if value not in {None, "", False}}
    return {name: "true" if value is True else str(value) for name, value in said.items()}


def _find(
    services: Services, visitor: Principal, wanted: LeaderboardFilter
) -> tuple[LeaderboardItem, ...]:
    with services.database.read() as connection:
        return leaderboard_of(connection, wanted, visitor, limit=PAGE).items
