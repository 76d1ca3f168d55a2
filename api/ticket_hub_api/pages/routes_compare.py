"""Tickets beside each other, by the function that `ticket compare` calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from ticket_hub.errors import TicketHubError
from ticket_hub_api.accounts.principals import Principal
from ticket_hub_api.catalog.comparing import compare_named, pinned, place_of
from ticket_hub_api.errors import ApiError
from ticket_hub_api.pages import figures
from ticket_hub_api.pages.rendering import render
from ticket_hub_api.pages.router import READ_METHODS, page_router
from ticket_hub_api.pages.security import secure
from ticket_hub_api.pages.sessions import Anyone
from ticket_hub_api.services import services_of
from ticket_hub_api.torch_process import OpenHub
from ticket_hub_api.web.problems import problem_of

__all__ = ["router"]

router = page_router()
MAX = 8
MAX_LENGTH = 400


@dataclass(frozen=True, kw_only=True)
class _Answer:
    """What was found, or the problem; `drawn` names the tickets of the figure, if there is one."""

    found: dict[str, Any] | None = None
    drawn: str = ""
    problem: str = ""
    status: int = 200


@router.api_route("/compare", methods=READ_METHODS)
async def compare(request: Request, visitor: Anyone) -> Response:
    """Compare the tickets that the address names, the later ones with the first."""
    names, answer = _names(request), _Answer()
    if len(names) > MAX:
        answer = _Answer(problem=f"At most {MAX} tickets can be compared at once.", status=422)
    elif names:
        call = services_of(request).torch_process.call
        answer = await run_in_threadpool(call, _answer, visitor, names)
    context = {"names": names, "answer": answer, "found": answer.found, "most": MAX}
    return render(request, "compare.html", context, status=answer.status)


@router.api_route("/compare/{figure}", methods=READ_METHODS)
async def figure(request: Request, visitor: Anyone, *, figure: str) -> Response:
    """The figure of a comparison, drawn once."""
    names, width = _names(request), figures.COMPARED.get(figure)
    if width is None or not 1 < len(names) <= MAX:
        raise ApiError(404, "There is no such figure.")
    services = services_of(request)
    fixed = await run_in_threadpool(_pinned, services, visitor, names)
    data = await figures.draw_compared(services, visitor, fixed, width)
    headers = {"Content-Security-Policy": figures.policy(data)}
    response = Response(data, media_type="image/svg+xml", headers=headers)
    lasting = "max-age=31536000, immutable" if names == fixed else "no-cache"
    return secure(response, cache=f"private, {lasting}")


def _names(request: Request) -> list[str]:
    parts = ",".join(request.query_params.getlist("tickets")).split(",")
    return list(dict.fromkeys(part.strip()[:MAX_LENGTH] for part in parts if part.strip()))


def _answer(services: OpenHub, visitor: Principal, names: list[str]) -> _Answer:
    try:
        compared = compare_named(services, visitor, names)
        several = len(compared.ladders()) > 1
        drawn = ",".join(_pinned(services, visitor, names)) if several else ""
        return _Answer(found=compared.to_table(), drawn=drawn)
    except (ApiError, TicketHubError) as error:
        problem = problem_of(error)
        own = isinstance(error, ApiError)
        detail = problem.detail if own else f"{problem.detail} {problem.remedy}"
        return _Answer(problem=detail, status=problem.status)


def _pinned(services: OpenHub, visitor: Principal, names: list[str]) -> list[str]:
    with services.database.read() as connection:
        return pinned(connection, visitor, list(map(place_of, names)))
