"""The search, and the page of one ticket."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from sqlalchemy.engine import Connection
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from ticket_hub_api.accounts.principals import Principal, Scope
from ticket_hub_api.catalog.entries import VERDICT_BITS
from ticket_hub_api.catalog.leaderboard import LeaderboardItem, leaderboard_of
from ticket_hub_api.catalog.leaderboard_rows import LeaderboardFilter
from ticket_hub_api.catalog.ticket_detail import one_ticket
from ticket_hub_api.catalog.ticket_shapes import TicketDetail, TicketPage
from ticket_hub_api.catalog.tickets import MAX_PAGE, page_of
from ticket_hub_api.errors import ApiError
from ticket_hub_api.pages import figures
from ticket_hub_api.pages.contents import EvidenceFiles, evidence_of, mask_of
from ticket_hub_api.pages.filters import ORDERS, VERDICTS, SearchForm, known_names, read_search
from ticket_hub_api.pages.rendering import is_fragment, render
from ticket_hub_api.pages.router import READ_METHODS, page_router
from ticket_hub_api.pages.security import secure
from ticket_hub_api.pages.sessions import Anyone
from ticket_hub_api.pages.ticket_view import TicketView, view_of
from ticket_hub_api.services import Services, services_of
from ticket_hub_api.web.requests import endpoint_of

__all__ = ["router"]

router = page_router()
PAGE = 50
BEST = 3
"""Tickets that the front page names."""


@router.api_route("/", methods=READ_METHODS)
async def search(request: Request, visitor: Anyone) -> Response:
    """Find tickets; with htmx only the results are sent, and the address follows the form."""
    services = services_of(request)
    search = read_search(request.query_params)
    found = await run_in_threadpool(_find, services, visitor, search)
    context = {
        "search": search,
        "page": found,
        "visibility": services.settings.visibility,
        "endpoint": endpoint_of(request),
    }
    if is_fragment(request):
        response = render(request, "_results.html", context)
        response.headers["HX-Push-Url"] = search.address(search.cursor)
        return response
    names = await known_names(services, visitor)
    best = await services.cache.get_or_make(
        ("best", visitor.scope == Scope.ADMIN, visitor.roles, visitor.anonymous),
        lambda: _best(services, visitor),
    )
    choices = {"best": best, "orders": ORDERS, "verdicts": VERDICTS, "names": names}
    return render(request, "search.html", context | choices)


def _find(services: Services, visitor: Principal, search: SearchForm) -> TicketPage:
    with services.database.read() as connection:
        return page_of(connection, search.wanted, visitor, cursor=search.cursor, limit=PAGE)


def _best(services: Services, visitor: Principal) -> tuple[LeaderboardItem, ...]:
    """The best of each data set, winning ones first and none that loses, then the next ones."""
    tested = LeaderboardFilter(tested=True)
    with services.database.read() as connection:
        items = leaderboard_of(connection, tested, visitor, limit=MAX_PAGE).items
    seen, turns = Counter[str](), []
    for each in items:
        if each.verdict != "losing":
            turns.append((seen[each.dataset], each))
            seen[each.dataset] += 1
    # Winning has the least bit; those without a verdict stand behind.
    turns.sort(key=lambda turn: (turn[0], VERDICT_BITS.get(turn[1].verdict or "", 16)))
    return tuple(each for _, each in turns[:BEST])


@router.api_route("/tickets/{owner}/{name}", methods=READ_METHODS)
async def ticket(request: Request, visitor: Anyone, owner: str, name: str) -> Response:
    """Everything about one ticket."""
    revision = request.query_params.get("revision", "main")[:255]
    view = await run_in_threadpool(
        _view, services_of(request), visitor, f"{owner}/{name}", revision
    )
    context = {
        "view": view, "ticket": view.detail, "revision": revision,
        "endpoint": endpoint_of(request),
    }  # fmt: skip
    return render(request, "ticket.html", context)


def _view(services: Services, visitor: Principal, repo: str, revision: str) -> TicketView:
    with services.database.read() as connection:
        detail = one_ticket(connection, visitor, repo, revision)
        return view_of(services, connection, visitor, detail)


@router.api_route("/tickets/{owner}/{name}/figures/{commit}/{figure}", methods=READ_METHODS)
async def figure(
    request: Request, visitor: Anyone, *, owner: str, name: str, commit: str, figure: str
) -> Response:
    """A figure of a ticket's evidence, drawn once; an address always gives the same figure."""
    services = services_of(request)
    kind = figures.KINDS.get(figure)
    if kind is None:
        raise ApiError(404, "There is no such figure.")
    find = mask_of if kind.name == figures.MASK else evidence_of
    evidence = await run_in_threadpool(_files, find, services, visitor, f"{owner}/{name}", commit)
    if evidence is None:
        raise ApiError(404, "There is no evidence here to draw.")
    data = await figures.draw(services, evidence, kind)
    headers = {"Content-Security-Policy": figures.policy(data)}
    response = Response(data, media_type="image/svg+xml", headers=headers)
    # Private, as the ticket may be; for ever, since the address names a commit.
    return secure(response, cache="private, max-age=31536000, immutable")


def _files(
    find: Callable[[Services, Connection, TicketDetail], EvidenceFiles | None],
    services: Services,
    visitor: Principal,
    repo: str,
    commit: str,
) -> EvidenceFiles | None:
    with services.database.read() as connection:
        return find(services, connection, one_ticket(connection, visitor, repo, commit))
