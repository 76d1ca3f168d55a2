"""Tickets beside each other, by the function that `ticket compare` calls."""

from __future__ import annotations

import json
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from ticket_hub.errors import EvidenceError, TicketHubError
from ticket_hub_api.catalog.tickets import one_ticket
from ticket_hub_api.errors import ApiError
from ticket_hub_api.pages.contents import Evidence, evidence_of
from ticket_hub_api.pages.rendering import render
from ticket_hub_api.pages.router import READ_METHODS, page_router
from ticket_hub_api.pages.sessions import Anyone
from ticket_hub_api.principals import Principal
from ticket_hub_api.routes.problems import problem_of
from ticket_hub_api.services import Services, services_of

__all__ = ["compared", "router"]

router = page_router()
MOST = 8
LONGEST = 400


@router.api_route("/compare", methods=READ_METHODS)
async def compare(request: Request, visitor: Anyone) -> Response:
    """Compare the tickets that the address names, the later ones with the first."""
    parts = ",".join(request.query_params.getlist("tickets")).split(",")
    names = list(dict.fromkeys(part.strip()[:LONGEST] for part in parts if part.strip()))
    found, problem, status = None, "", 200
    if len(names) > MOST:
        problem, status = f"At most {MOST} tickets can be compared at once.", 422
    elif names:
        found, problem, status = await run_in_threadpool(
            _found, services_of(request), visitor, names
        )
    context = {"names": names, "found": found, "problem": problem, "most": MOST}
    return render(request, "compare.html", context, status=status)


def _found(
    services: Services, visitor: Principal, names: list[str]
) -> tuple[dict[str, Any] | None, str, int]:
    try:
        return compared(services, visitor, names), "", 200
    except (ApiError, TicketHubError) as error:
        problem = problem_of(error)
        own = isinstance(error, ApiError)
        return None, problem.detail if own else f"{problem.detail} {problem.remedy}", problem.status


def compared(services: Services, visitor: Principal, names: list[str]) -> dict[str, Any]:
    """What `ticket compare --format json` says of tickets of this hub.

    Args:
        names: `owner/name[@revision]`.

    Raises:
        ApiError, TicketNotFoundError: as `one_ticket`.
        EvidenceError: nothing was measured, or it is not on this hub.
    """
    from ticket_hub.report.comparison import bundle_study, compare_studies

    studies = []
    for name in names:
        with _evidence(services, visitor, name).opened() as bundle:
            studies.append(bundle_study(bundle, name=name))
    table: dict[str, Any] = json.loads(json.dumps(compare_studies(studies).to_table()))
    return table


def _evidence(services: Services, visitor: Principal, name: str) -> Evidence:
    repo, _, revision = name.partition("@")
    with services.database.read() as connection:
        ticket = one_ticket(connection, visitor, repo, revision or "main")
        evidence = evidence_of(services, connection, ticket)
    if evidence is None:
        raise EvidenceError(
            f"There are no measurements of {name} on this hub.",
            "Leave it out, or push the bundle with its evidence.",
        )
    return evidence
