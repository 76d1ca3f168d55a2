"""`/api/v1/tickets/{owner}/{name}`: all about one ticket, and its parts."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path as InPath
from fastapi import Query, Request, Response

from ticket_hub.patterns import COMMIT
from ticket_hub_api.accounts.principals import Principal
from ticket_hub_api.catalog.said import signers_of
from ticket_hub_api.catalog.ticket_detail import one_ticket
from ticket_hub_api.catalog.ticket_files import (
    Layers,
    TicketCurves,
    curves_of,
    layers_of,
    level_of,
    part_of,
)
from ticket_hub_api.catalog.ticket_shapes import TicketDetail
from ticket_hub_api.catalog.vouching import Vouching, vouching_of
from ticket_hub_api.errors import ApiError
from ticket_hub_api.rest.routing import rest_router
from ticket_hub_api.rest.tickets import Which
from ticket_hub_api.services import services_of
from ticket_hub_api.store.objects import FileAnswer
from ticket_hub_api.torch_process import OpenHub
from ticket_hub_api.web.content import answer_file
from ticket_hub_api.web.problems import answers
from ticket_hub_api.web.requests import Caller

__all__ = ["router"]

router = rest_router("/api/v1/tickets/{owner}/{name}", "tickets", cached=True)
LevelIndex = Annotated[int, InPath(ge=0, le=1000)]
TrialIndex = Annotated[int, Query(ge=0, le=999)]
_UNSATISFIABLE = 416
FOR_EVER = "private, max-age=31536000, immutable"
REFUSALS = answers(400, 401, 404, 422, 429, 503)
_BYTES = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
FILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file", "content": _BYTES},
    206: {"description": "The range that was asked for", "content": _BYTES},
    304: {"description": "The copy that the caller has is the file"},
    **answers(400, 401, 404, 416, 422, 429, 503),
}


@router.get("", responses=answers(401, 404, 422, 429, 503))
def show_ticket(request: Request, caller: Caller, which: Which) -> TicketDetail:
    """Describe one ticket: its levels with their evidence, its lineage, its files."""
    with services_of(request).database.read() as connection:
        return one_ticket(connection, caller, *which)


@router.get("/vouching", responses=answers(401, 404, 422, 429, 503))
def vouching(request: Request, caller: Caller, which: Which) -> Vouching:
    """Who vouches for a ticket: whose signature it has, and what others found who replayed it.

    A signature counts where the operator trusts its key. A replay is of the account that added it,
    and counts as another's unless that account pushed these tickets or is their owner.
    """
    services = services_of(request)
    with services.database.read() as connection:
        ticket = one_ticket(connection, caller, *which)
        return vouching_of(services, connection, ticket, signers_of(services.settings))


@router.get("/levels/{level}/layers", responses=REFUSALS)
def layers(
    request: Request,
    caller: Caller,
    which: Which,
    level: LevelIndex,
) -> Layers:
    """How dense each layer is at a level."""
    with services_of(request).database.read() as connection:
        return layers_of(one_ticket(connection, caller, *which), level)


@router.get("/curves", responses=REFUSALS)
def curves(
    request: Request,
    caller: Caller,
    which: Which,
    *,
    level: Annotated[int | None, Query(ge=0, le=1000)] = None,
    trial: Annotated[int | None, Query(ge=0, le=999)] = None,
    control: Annotated[str, Query(max_length=64)] = "",
) -> TicketCurves:
    """The curves of every network that was trained for a ticket, or of some of them."""
    call = services_of(request).torch_process.call
    return call(_curves, caller, tuple(which), level=level, trial=trial, control=control)


def _curves(
    services: OpenHub,
    /,
    caller: Principal,
    which: tuple[str, ...],
    *,
    level: int | None,
    trial: int | None,
    control: str,
) -> TicketCurves:
    with services.database.read() as connection:
        ticket = one_ticket(connection, caller, *which)
        return curves_of(services, connection, ticket, level=level, trial=trial, control=control)


@router.get("/levels/{level}/mask", responses=FILE, response_class=Response)
def mask(
    request: Request,
    caller: Caller,
    which: Which,
    *,
    level: LevelIndex,
    trial: TrialIndex = 0,
) -> Response:
    """The mask of one trial at a level, as safetensors of packed bits; see docs/bundle-format.md.

    Ranges and conditions are understood. The tag is the file's sha256. With a commit as revision
    the answer never changes, and says so.
    """
    path = f"masks/{trial}/{level}.safetensors"
    return _hand_out(request, _find(request, caller, which, level, path))


@router.get("/levels/{level}/theta0", responses=FILE, response_class=Response)
def theta0(
    request: Request,
    caller: Caller,
    which: Which,
    *,
    level: LevelIndex,
    trial: TrialIndex = 0,
) -> Response:
    """The weights that one trial's survivors start from, as safetensors; the same for all levels.

    Ranges and conditions are understood, as for masks. Of a theta0 by reference it is only what is
    not of its source.
    """
    path = f"theta0/{trial}.safetensors"
    return _hand_out(request, _find(request, caller, which, level, path))


def _find(request: Request, caller: Caller, which: Which, level: int, path: str) -> FileAnswer:
    services = services_of(request)
    with services.database.read() as connection:
        ticket = one_ticket(connection, caller, *which)
        level_of(ticket, level)
        return part_of(services, connection, ticket, path)


def _hand_out(request: Request, file: FileAnswer) -> Response:
    """The file, by the same code as the Hub protocol's."""
    response = answer_file(request, file, "")
    if response.status_code == _UNSATISFIABLE:
        headers = {"Content-Range": response.headers["Content-Range"]}
        raise ApiError(_UNSATISFIABLE, "There is no such part of the file.", headers=headers)
    if COMMIT.fullmatch(request.query_params.get("revision", "")):
        response.headers["Cache-Control"] = FOR_EVER
    return response
