"""The search form: from a query that people may write by hand to a filter, and back."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import get_args
from urllib.parse import urlencode

from sqlalchemy import select

from ticket_hub.types import Word
from ticket_hub_api.accounts.principals import Principal, Scope
from ticket_hub_api.catalog.ticket_query import Sort, TicketFilter, visible
from ticket_hub_api.catalog.tickets import metrics_of
from ticket_hub_api.services import Services
from ticket_hub_api.store.ticket_tables import TicketEntry

__all__ = ["ORDERS", "VERDICTS", "SearchForm", "known_names", "one_of", "read_search", "share_of"]

VERDICTS: tuple[Word, ...] = get_args(Word)
ORDERS: Mapping[str, tuple[str, Sort, bool]] = {
    "newest": ("newest first", "updated", True),
    "accuracy": ("most accurate first", "accuracy", True),
    "best": ("best by one metric first", "best", True),
    "replayed": ("most replayed by others first", "replays", True),
    "sparsest": ("sparsest first", "density", False),
    "densest": ("densest first", "density", True),
    "smallest": ("smallest first, where measured", "size", False),
    "quickest": ("most sped up first, where measured", "speedup", True),
    "name": ("by name", "name", False),
}
_TEXTS = ("text", "network", "dataset", "metric", "owner")
_SHARES = {"weights_min": "density_min", "weights_max": "density_max",
           "accuracy_min": "accuracy_min", "accuracy_max": "accuracy_max"}  # fmt: skip
MAX_LENGTH = 200


@dataclass(frozen=True, kw_only=True)
class SearchForm:
    """What was asked for.

    Attributes:
        values: every field of the form as it was filled in.
        problems: field -> what is wrong with it; such a field asks for nothing.
        wanted: the same for the catalog.
        cursor: where the page begins.
    """

    values: Mapping[str, str]
    problems: Mapping[str, str]
    wanted: TicketFilter
    cursor: str

    def address(self, cursor: str = "") -> str:
        """Where this search is shown, or its next page: without what was left empty."""
        fields = {name: value for name, value in self.values.items() if value}
        if fields.get("order") == "newest":
            del fields["order"]
        query = urlencode(fields | ({"cursor": cursor} if cursor else {}))
        return f"/?{query}" if query else "/"

    @property
    def narrowed(self) -> bool:
        """Whether anything but an order was asked for."""
        return any(value for name, value in self.values.items() if name != "order")


def read_search(query: Mapping[str, str]) -> SearchForm:
    """Understand a query; shares are in per cent, as the pages show them."""
    values = {name: query.get(name, "").strip()[:MAX_LENGTH] for name in (*_TEXTS, *_SHARES)}
    values["verdict"] = one_of(query.get("verdict", ""), VERDICTS, "")
    values["order"] = one_of(query.get("order", ""), ORDERS, "newest")
    problems: dict[str, str] = {}
    shares: dict[str, float | None] = {}
    for name, field in _SHARES.items():
        shares[field], problem = share_of(values[name])
        if problem:
            problems[name] = problem
    if values["order"] == "best" and not values["metric"]:  # which only one metric can decide
        values["order"] = "accuracy"
    _, sort, descending = ORDERS[values["order"]]
    wanted = TicketFilter(
        verdict=values["verdict"] or None,  # type: ignore[arg-type] # one of VERDICTS
        sort=sort,
        descending=descending,
        **{name: values[name] for name in _TEXTS},  # type: ignore[arg-type] # texts
        **shares,  # type: ignore[arg-type] # numbers
    )
    return SearchForm(
        values=values, problems=problems, wanted=wanted, cursor=query.get("cursor", "")[:1000]
    )


def one_of(text: str, allowed: Container[str], default: str) -> str:
    """A text that is among those allowed, or the default."""
    return text if text in allowed else default


def share_of(text: str) -> tuple[float | None, str]:
    """A share in [0, 1] from per cent, and what is wrong with it."""
    try:
        # Many write a decimal comma, or the sign.
        share = float(text.replace(",", ".").removesuffix("%")) / 100 if text else None
    except ValueError:
        return None, "is no number"
    if share is None or 0 <= share <= 1:
        return share, ""
    return None, "must be from 0 to 100"


async def known_names(services: Services, visitor: Principal) -> dict[str, list[str]]:
    """The networks, data sets and metrics of the tickets that a visitor may see."""
    return await services.cache.get_or_make(
        ("names", visitor.scope == Scope.ADMIN, visitor.roles, visitor.anonymous),
        lambda: _names(services, visitor),
    )


def _names(services: Services, visitor: Principal) -> dict[str, list[str]]:
    """The networks, data sets and metrics of the tickets that a visitor may see."""
    with services.database.read() as connection:
        return {
            "metric": metrics_of(connection, visitor),
        } | {
            column.key: list(
                connection.scalars(
                    select(column).where(*visible(visitor)).distinct().order_by(column)
                )
            )
            for column in (TicketEntry.network, TicketEntry.dataset)
        }
