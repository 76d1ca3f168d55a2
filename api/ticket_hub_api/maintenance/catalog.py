"""Whether the catalog says what follows from the commits and their bundles, and all of it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import Connection

from ticket_hub_api.catalog.indexing import not_entered
from ticket_hub_api.maintenance.findings import Damage
from ticket_hub_api.store.tables import Commit, Repository, RepositoryTag, now
from ticket_hub_api.store.ticket_tables import (
    BundleFacts,
    Evidence,
    EvidenceLevel,
    TicketEntry,
    TicketLevel,
    TicketVersion,
)

__all__ = ["check_catalog"]

_REMEDY = "`ticket hub index --rebuild` makes it anew"


def check_catalog(connection: Connection, settled_seconds: float) -> Iterator[Damage]:
    """What is missing from the catalog, as (kind, name, problem).

    Args:
        settled_seconds: a commit that is younger may not have been looked at yet.
    """
    yield from _tags(connection)
    yield from _versions(connection, settled_seconds)
    yield from _tickets(connection)
    yield from _ticket_levels(connection)
    yield from _evidence_levels(connection)


def _tags(connection: Connection) -> Iterator[Damage]:
    """Every repository has the tags of its head's card."""
    there: dict[str, set[str]] = defaultdict(set)
    for owner, tag in connection.execute(select(RepositoryTag.repository_id, RepositoryTag.tag)):
        there[owner].add(tag)
    statement = select(Repository.id, Repository.key, Commit.summary).join(
        Commit, (Commit.repository_id == Repository.id) & (Commit.oid == Repository.head)
    )
    for row in connection.execute(statement):
        if there[row.id] != set(json.loads(row.summary)["tags"]):
            yield "repository", row.key, "does not have the tags of its card"


def _versions(connection: Connection, settled_seconds: float) -> Iterator[Damage]:
    """Every commit was looked at."""
    settled = now() - int(settled_seconds * 1_000_000)
    statement = not_entered().where(Commit.created_at <= settled)
    for repository_id, oid in connection.execute(statement):
        yield "commit", f"{repository_id}: {oid}", f"is not in the catalog; {_REMEDY}"


def _tickets(connection: Connection) -> Iterator[Damage]:
    """A repository is listed with its head's bundle, and with the evidence that came with it."""
    evidence: dict[str, set[str]] = defaultdict(set)
    for owner, name in connection.execute(select(Evidence.repository_id, Evidence.id)):
        evidence[owner].add(name)
    statement = (
        select(Repository.id, Repository.key, BundleFacts.facts, BundleFacts.manifest,
               TicketEntry.manifest.label("listed"))
        .join(TicketVersion, (TicketVersion.repository_id == Repository.id)
              & (TicketVersion.oid == Repository.head))
        .join(BundleFacts, BundleFacts.manifest == TicketVersion.manifest)
        .outerjoin(TicketEntry, TicketEntry.repository_id == Repository.id)
        .where(TicketVersion.problem == "")
    )  # fmt: skip
    for row in connection.execute(statement):
        if row.listed != row.manifest:
            yield "ticket", row.key, f"is not listed; {_REMEDY}"
        brought = {each["id"] for each in json.loads(row.facts).get("experiments", ())}
        for missing in sorted(brought - evidence[row.id]):
            yield "evidence", f"{missing} of {row.key}", f"is missing; {_REMEDY}"


def _ticket_levels(connection: Connection) -> Iterator[Damage]:
    """Every ticket has a row for each level of its bundle."""
    there = _levels(connection, select(TicketLevel.ticket_id, TicketLevel.level))
    statement = select(TicketEntry.id, TicketEntry.key, BundleFacts.facts).join(
        BundleFacts, BundleFacts.manifest == TicketEntry.manifest
    )
    for row in connection.execute(statement):
        if there[row.id,] != {each["level"] for each in json.loads(row.facts)["levels"]}:
            yield "ticket", row.key, f"is not listed with each of its levels; {_REMEDY}"


def _evidence_levels(connection: Connection) -> Iterator[Damage]:
    """Evidence has a row for each level that it is about."""
    columns = (EvidenceLevel.evidence_id, EvidenceLevel.repository_id, EvidenceLevel.level)
    there = _levels(connection, select(*columns))
    for row in connection.execute(select(Evidence.id, Evidence.repository_id, Evidence.body)):
        if there[row.id, row.repository_id] != {e["level"] for e in json.loads(row.body)["levels"]}:
            yield "evidence", f"{row.id} of {row.repository_id}", "has lost some of its levels"


def _levels(connection: Connection, statement: Any) -> dict[tuple[str, ...], set[int]]:  # noqa: ANN401 - a select of columns
    """The last column by those before it."""
    found: dict[tuple[str, ...], set[int]] = defaultdict(set)
    for *owner, level in connection.execute(statement):
        found[tuple(owner)].add(level)
    return found
