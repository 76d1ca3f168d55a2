"""Whether every row is what was written, and none is missing that another one speaks of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import Table, and_, func, select
from sqlalchemy.engine import Connection

from ticket_hub_api.maintenance.findings import Damage
from ticket_hub_api.store import webhook_tables  # noqa: F401 - all tables are looked at
from ticket_hub_api.store.digests import children_digest, holding, row_digest
from ticket_hub_api.store.job_tables import Job, JobEvent, JobWorker, State
from ticket_hub_api.store.signing import SECRETS
from ticket_hub_api.store.tables import Base, Secret
from ticket_hub_api.store.ticket_tables import BundleFacts, Evidence, EvidenceLevel, TicketVersion

__all__ = ["check_children", "check_digests", "check_parents"]


def check_digests(connection: Connection, tables: Iterable[Table]) -> Iterator[Damage]:
    """Every row against the digest that it carries, as (kind, name, problem)."""
    for table in tables:
        statement = select(table).execution_options(yield_per=1000)
        for row in connection.execute(statement).mappings():
            if _digest(table, dict(row)) != row["digest"]:
                yield "row", f"{table.name}: {_name(table, row)}", "has changed on disk"


def _digest(table: Table, values: dict[str, Any]) -> str:
    try:
        return row_digest(table.name, values)
    except (ValueError, TypeError):
        return "not a row that was written"


def _name(table: Table, row: Any) -> str:  # noqa: ANN401 - a row, or its mapping
    return "/".join(str(row[column.name]) for column in table.primary_key)


def check_parents(connection: Connection, tables: Iterable[Table]) -> Iterator[Damage]:
    """Every row that another one refers to is there."""
    for table in tables:
        for key in sorted(table.foreign_keys, key=lambda each: each.parent.name):
            parent = key.column.table.alias()
            column = parent.columns[key.column.name]
            statement = (
                select(*table.primary_key, key.parent.label("wanted"))
                .outerjoin(parent, column == key.parent)
                .where(key.parent.is_not(None), column.is_(None))
            )
            for row in connection.execute(statement).mappings():
                problem = f"refers to {row['wanted']}, which is missing from {key.column.table}"
                yield "row", f"{table.name}: {_name(table, row)}", problem


def check_children(connection: Connection) -> Iterator[Damage]:
    """Nothing is missing of what belongs to a row, where that row tells what there was."""
    for parent in (mapper.class_ for mapper in Base.registry.mappers):
        if tables := [table.__tablename__ for table in holding(parent)]:
            for key, stated in connection.execute(select(parent.id, parent.children)).all():
                if children_digest(connection, parent, key) != stated:
                    problem = f"has lost rows of {', '.join(sorted(tables))}, or they have changed"
                    yield "row", f"{parent.__tablename__}: {key}", problem
    yield from _secrets(connection)
    yield from _jobs(connection)
    yield from _lost_references(connection)


def _secrets(connection: Connection) -> Iterator[Damage]:
    """The first start of a service makes all of them."""
    known = set(connection.execute(select(Secret.name)).scalars())
    for name in sorted(SECRETS - known if known else ()):
        yield "row", f"secrets: {name}", "is missing; the next start of the service makes a new one"


def _jobs(connection: Connection) -> Iterator[Damage]:
    """A job counts its events, and what runs has a worker."""
    events = select(func.count()).where(JobEvent.job_id == Job.id).scalar_subquery()
    statement = select(Job.id, Job.events, events).where(Job.events != events)
    for job_id, stated, there in connection.execute(statement):
        yield "job", job_id, f"has {there} of its {stated} events"
    lost = (
        select(Job.id, Job.worker_id)
        .outerjoin(JobWorker, JobWorker.id == Job.worker_id)
        .where(Job.state == State.RUNNING, JobWorker.id.is_(None))
    )
    for job_id, worker_id in connection.execute(lost):
        yield "job", job_id, f"runs in the worker {worker_id}, which is missing"


def _lost_references(connection: Connection) -> Iterator[Damage]:
    """References that no foreign key holds."""
    levels = (
        select(EvidenceLevel.evidence_id, EvidenceLevel.repository_id)
        .outerjoin(
            Evidence,
            and_(
                Evidence.id == EvidenceLevel.evidence_id,
                Evidence.repository_id == EvidenceLevel.repository_id,
            ),
        )
        .where(Evidence.id.is_(None))
        .distinct()
    )
    for evidence_id, repository_id in connection.execute(levels):
        yield "evidence", f"{evidence_id} of {repository_id}", "is missing; its levels are there"
    versions = (
        select(TicketVersion.repository_id, TicketVersion.oid, TicketVersion.manifest)
        .outerjoin(BundleFacts, BundleFacts.manifest == TicketVersion.manifest)
        .where(TicketVersion.manifest != "", BundleFacts.manifest.is_(None))
    )
    for repository_id, oid, manifest in connection.execute(versions):
        name = f"ticket_versions: {repository_id}/{oid}"
        yield "row", name, f"refers to {manifest}, which is missing from bundle_facts"
