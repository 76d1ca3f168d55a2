"""`/api/v1/experiments`: results over all tickets, and evidence that was made elsewhere."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from ticket_hub.types import Word
from ticket_hub_api.accounts.principals import Principal
from ticket_hub_api.catalog.comparing import compare_named
from ticket_hub_api.catalog.evidence_records import MAX_BYTES
from ticket_hub_api.catalog.evidence_store import receive_evidence, remove_evidence
from ticket_hub_api.catalog.experiment_shapes import (
    ExperimentDetail,
    ExperimentFilter,
    ExperimentPage,
)
from ticket_hub_api.catalog.experiments import experiments_of, one_experiment
from ticket_hub_api.catalog.tickets import MAX_PAGE
from ticket_hub_api.catalog.transfers import Transfer, transfer_of
from ticket_hub_api.errors import ApiError
from ticket_hub_api.rest.routing import rest_router
from ticket_hub_api.rest.tickets import Text
from ticket_hub_api.services import services_of
from ticket_hub_api.torch_process import OpenHub
from ticket_hub_api.web.problems import answers
from ticket_hub_api.web.requests import Caller, Writer, read_bytes

__all__ = ["router"]

router = rest_router("/api/v1", "experiments", cached=True)
Cursor = Annotated[str, Query(max_length=1000)]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]
EvidenceId = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
_REPO = r"^[A-Za-z0-9._-]{1,96}/[A-Za-z0-9._-]{1,96}$"
_PLACE = _REPO[:-1] + r"(@[A-Za-z0-9._/+-]{1,255})?$"
Compared = Annotated[str, Field(pattern=_PLACE)]


class EvidenceIn(BaseModel):
    """Evidence about a ticket that is here: `owner/name`, and `evidence.json` as it was written."""

    model_config = ConfigDict(extra="forbid")
    ticket: Annotated[str, Field(pattern=_REPO)]
    evidence: dict[str, Any]


BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": EvidenceIn.model_json_schema()}},
    }
}


@router.get("/experiments", responses=answers(401, 422, 429, 503))
def list_experiments(
    request: Request,
    caller: Caller,
    *,
    dataset: Text = "",
    found_on: Text = "",
    network: Text = "",
    ticket: Text = "",
    verdict: Word | None = None,
    origin: Literal["search", "bundle", "upload"] | None = None,
    cursor: Cursor = "",
    limit: Limit = 50,
) -> ExperimentPage:
    """What tickets came to on which data, most accurate first.

    With `dataset`, the first item is the ticket that wins on it.
    """
    wanted = ExperimentFilter(
        dataset=dataset, found_on=found_on, network=network, ticket=ticket,
        verdict=verdict or "", origin=origin or "",
    )  # fmt: skip
    with services_of(request).database.read() as connection:
        return experiments_of(connection, wanted, caller, cursor=cursor, limit=limit)


@router.get("/experiments/{id}", responses=answers(401, 404, 422, 429, 503))
def show_experiment(request: Request, caller: Caller, id: EvidenceId) -> ExperimentDetail:  # noqa: A002 - the name in the address
    """One experiment with every trial."""
    with services_of(request).database.read() as connection:
        return one_experiment(connection, caller, id)


@router.post(
    "/experiments",
    status_code=201,
    response_model=ExperimentDetail,
    openapi_extra=BODY,
    responses={
        200: {"model": ExperimentDetail, "description": "It was here already"},
        **answers(400, 401, 403, 404, 413, 422, 429, 503),
    },
)
async def send_evidence(request: Request, caller: Writer) -> Response:
    """Send evidence that was made elsewhere: the `evidence.json` of a `ticket retrain`.

    It must be about the bundle that the ticket has here, and about tickets in it. Means, intervals
    and verdicts are computed anew from its trials. It is shown with who sent it. What the sender
    has told otherwise of the same networks is refused until that is removed.
    """
    data, services = await read_bytes(request, MAX_BYTES), services_of(request)
    detail, made = await run_in_threadpool(services.torch_process.call, _receive, caller, data)
    return JSONResponse(dict(vars(detail)), 201 if made else 200)


def _receive(services: OpenHub, caller: Principal, data: bytes) -> tuple[ExperimentDetail, bool]:
    body = _parse(data)
    return services.database.transact(
        lambda session: receive_evidence(session, caller, body.ticket, body.evidence)
    )


def _parse(data: bytes) -> EvidenceIn:
    """The body, bounded before it is parsed.

    Raises:
        BundleFormatError, ApiError: it is not what it must be.
    """
    from pydantic import ValidationError

    from ticket_hub.bundle import strict

    table = strict.parse(data, source="the body")
    try:
        return EvidenceIn.model_validate(table)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ApiError(422, f"The body is not valid: {where}: {first['msg']}.") from error


@router.delete(
    "/experiments/{id}", status_code=204, responses=answers(401, 403, 404, 422, 429, 503)
)
def delete_evidence(request: Request, caller: Writer, id: EvidenceId) -> None:  # noqa: A002 - the name in the address
    """Remove evidence that the caller has sent, or that is about a ticket of theirs."""
    database = services_of(request).database
    database.transact(lambda session: remove_evidence(session, caller, id))


@router.get("/compare", responses=answers(400, 401, 404, 422, 429, 503))
def compare(
    request: Request,
    caller: Caller,
    ticket: Annotated[list[Compared], Query(min_length=1, max_length=8)],
) -> dict[str, Any]:
    """Put tickets beside each other, the later ones against the first.

    Each is `owner/name` or `owner/name@revision`. The answer is what `ticket compare --format json`
    writes; see docs/commands/compare.md.
    """
    return services_of(request).torch_process.call(_compare, caller, ticket)


def _compare(services: OpenHub, caller: Principal, names: list[str]) -> dict[str, Any]:
    return compare_named(services, caller, names).to_table()


@router.get("/transfer", responses=answers(401, 422, 429, 503))
def show_transfer(
    request: Request,
    caller: Caller,
    *,
    network: Text = "",
    found_on: Text = "",
    dataset: Text = "",
    owner: Text = "",
    cursor: Cursor = "",
    limit: Limit = 50,
) -> Transfer:
    """Which tickets hold on which data: a line for each ticket and level, a column for each set."""
    with services_of(request).database.read() as connection:
        return transfer_of(
            connection, caller, network=network, found_on=found_on, dataset=dataset, owner=owner,
            cursor=cursor, limit=limit,
        )  # fmt: skip
