"""What the operator looks at: storage, workers, the queue."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from ticket_hub_api.jobs import operations
from ticket_hub_api.jobs.quotas import list_quotas
from ticket_hub_api.pages.rendering import render
from ticket_hub_api.pages.router import READ_METHODS, page_router
from ticket_hub_api.pages.sessions import Administrator
from ticket_hub_api.services import Services, services_of
from ticket_hub_api.store.job_tables import Job, State
from ticket_hub_api.store.tables import Account, Commit, Repository, StoredObject
from ticket_hub_api.store.ticket_tables import TicketEntry, TicketVersion
from ticket_hub_api.web.requests import endpoint_of

__all__ = ["router"]

router = page_router()
MAX_PROBLEMS = 20


@dataclass(frozen=True, kw_only=True)
class Operation:
    """The state of a hub.

    Attributes:
        counts: title -> how many there are.
        stored: bytes of all contents, each counted once.
        free, disk: bytes of the disk that the hub's folder is on.
        queue: state -> number of jobs.
        workers: every slot that was seen within a day; see `operations.list_workers`.
        quotas: accounts with what they have used.
        problems: (repository, commit, problem) of bundles that could not be listed.
    """

    counts: dict[str, int]
    stored: int
    free: int
    disk: int
    queue: dict[str, int]
    workers: list[dict[str, Any]]
    quotas: list[dict[str, object]]
    problems: list[tuple[str, str, str]]


@router.api_route("/operator", methods=READ_METHODS)
async def operator(request: Request, visitor: Administrator) -> Response:
    """Storage, workers and the queue."""
    del visitor
    services = services_of(request)
    operation = await run_in_threadpool(operation_of, services)
    context = {
        "it": operation,
        "settings": services.settings,
        "endpoint": endpoint_of(request),
    }
    return render(request, "operator.html", context)


def operation_of(services: Services) -> Operation:
    """The state of a hub, read in one go."""
    tables = {
        "accounts": Account, "repositories": Repository, "commits": Commit, "tickets": TicketEntry,
        "contents": StoredObject,
    }  # fmt: skip
    disk = shutil.disk_usage(services.settings.folder)
    with services.database.read() as connection:
        counts = {
            name: connection.scalar(select(func.count()).select_from(table)) or 0
            for name, table in tables.items()
        }
        stored = connection.scalar(select(func.sum(StoredObject.size))) or 0
        rows = connection.execute(select(Job.state, func.count()).group_by(Job.state)).all()
        problems = connection.execute(
            select(Repository.key, TicketVersion.oid, TicketVersion.problem)
            .join(Repository, Repository.id == TicketVersion.repository_id)
            .where(TicketVersion.problem != "", TicketVersion.oid == Repository.head)
            .limit(MAX_PROBLEMS)
        ).all()
    queue = {state: number for state, number in rows}  # noqa: C416 - rows are no pairs to mypy
    return Operation(
        counts=counts,
        stored=int(stored),
        free=disk.free,
        disk=disk.total,
        queue={state: queue.get(state, 0) for state in State.ALL},
        workers=operations.list_workers(services),
        quotas=list_quotas(services.database, services.settings.job_quota_seconds),
        problems=[(row[0], row[1], row[2]) for row in problems],
    )
