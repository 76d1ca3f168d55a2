"""Filling the catalog: every commit is looked at once, and the newest one of a repository listed.

What a commit says follows from its contents alone, so all of it can be made again at any time. A
commit whose bundle is known, or that has none, is entered in its own transaction; else the bundle
is read after the commit, and entered in a second one. A crash in between leaves a commit that
nobody has looked at, which `index_pending` finds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, select, true
from sqlalchemy.orm import Session

from ticket_hub.bundle.layout import CARD
from ticket_hub_api.catalog import bundles
from ticket_hub_api.catalog.bundle_reading import read_facts
from ticket_hub_api.catalog.entries import forget_entry, keep_facts, list_entry
from ticket_hub_api.catalog.evidence_records import CheckedEvidence
from ticket_hub_api.catalog.evidence_rows import enter_bundled
from ticket_hub_api.catalog.said import (
    Beside,
    Said,
    TrustingStores,
    is_vouched_for,
    read_beside,
    signed_for_others,
)
from ticket_hub_api.catalog.vouching import vouching
from ticket_hub_api.store.names import MODEL
from ticket_hub_api.store.tables import Commit, Repository
from ticket_hub_api.store.ticket_tables import (
    BundleFacts,
    Evidence,
    EvidenceLevel,
    TicketEntry,
    TicketVersion,
)
from ticket_hub_api.store.trees import Files, load_tree
from ticket_hub_api.store.xet.reading import Stores

__all__ = [
    "CatalogListener",
    "index_commit",
    "index_pending",
    "is_entered",
    "not_entered",
    "pending_commits",
    "rebuild",
]


class CatalogListener:
    """Keeps the catalog in step with the repositories, each change in its own transaction."""

    def committed(
        self, session: Session, repository: Repository, commit: Commit, files: Files
    ) -> None:
        """Enter a commit now where its bundle is known; else whoever made it has it read."""
        enter(session, repository, commit, files)

    def changed(self, session: Session, repository: Repository) -> None:
        """List a repository under its new name, for those who may read it now."""
        refresh(session, repository)

    def judged(self, session: Session, repository: Repository, facts: Mapping[str, Any]) -> None:
        """It was entered by whoever tells of it."""

    def deleted(self, session: Session, repository_id: str) -> None:
        """Forget a repository."""
        forget(session, repository_id)


def enter(
    session: Session,
    repository: Repository,
    commit: Commit,
    files: Files,
    beside: Beside | None = None,
) -> bool:
    """Enter a commit whose files need no reading; False where they must be read first.

    Args:
        beside: what was read of the files beside the manifest.
    """
    entry, manifest, problem = files.get(bundles.MANIFEST), "", ""
    if entry is not None and repository.kind == MODEL:
        row = session.get(BundleFacts, entry.sha256)
        if row is None or (beside is None and is_vouched_for(files)):
            return False
        manifest, problem = row.manifest, row.problem or _misfit(json.loads(row.facts), files)
    version = session.get(TicketVersion, (repository.id, commit.oid))
    if version is None:
        version = TicketVersion(repository_id=repository.id, oid=commit.oid, number=commit.number)
        session.add(version)
    version.manifest, version.problem = manifest, problem
    version.said, version.signers = beside or Beside()
    session.flush()
    if repository.head == commit.oid:
        refresh(session, repository)
    return True


def _misfit(facts: dict[str, Any], files: Files) -> str:
    """The file that is not what the manifest promises; a card may be edited by its owner."""
    for name, record in facts["files"].items():
        entry = files.get(name)
        if name != CARD and (entry is None or entry.sha256 != record["sha256"]):
            return f"{name} is not the file that {bundles.MANIFEST} names."
    return ""


def refresh(session: Session, repository: Repository) -> None:
    """List a repository as it is now: its newest ticket, its name, who may read it."""
    forget_entry(session, repository.id)
    records: list[CheckedEvidence] = []
    version = session.get(TicketVersion, (repository.id, repository.head))
    if version is not None and version.manifest and not version.problem:
        facts = session.get(BundleFacts, version.manifest)
        assert facts is not None, "versions name facts that are there"
        repo, said = f"{repository.namespace}/{repository.name}", Said.from_text(version.said)
        list_entry(session, repository, facts, vouching(session, repo, facts.bundle_id, said))
        records = [
            CheckedEvidence(**each) for each in json.loads(facts.facts).get("experiments", ())
        ]
    enter_bundled(session, repository, records)


def forget(session: Session, repository_id: str) -> None:
    """Remove all that the catalog knows of a repository that is about to be deleted."""
    forget_entry(session, repository_id)
    own = TicketVersion.repository_id == repository_id
    manifests = session.scalars(select(TicketVersion.manifest).where(own).distinct()).all()
    for table in (EvidenceLevel, Evidence):
        session.execute(delete(table).where(table.repository_id == repository_id))
    session.execute(delete(TicketVersion).where(own))
    _sweep(session, BundleFacts.manifest.in_(manifests))


def _sweep(session: Session, among: ColumnElement[bool]) -> None:
    """Remove facts that no version and no mirrored ticket needs."""
    versions = select(TicketVersion.oid).where(TicketVersion.manifest == BundleFacts.manifest)
    entries = select(TicketEntry.id).where(TicketEntry.manifest == BundleFacts.manifest)
    session.execute(delete(BundleFacts).where(among, ~versions.exists(), ~entries.exists()))


def index_commit(
    stores: TrustingStores,
    repository_id: str,
    oid: str,
    *,
    fresh: set[str] | None = None,
    again: bool = False,
) -> None:
    """Read the bundle of a commit and enter it. What cannot be read is entered as a problem.

    Args:
        fresh: read it even if it is known, unless it is among these manifests, and add it to them.
        again: enter it even if it was: others are trusted now than when it was read.

    Raises:
        HubUnavailableError, StorageError: as every use of the database and the storage.
    """
    with stores.database.read() as connection:
        entered = connection.scalar(_entered(repository_id, oid)) is not None
        if entered and fresh is None and not again:
            return
        tree = connection.scalar(
            select(Commit.tree).where(Commit.repository_id == repository_id, Commit.oid == oid)
        )
        files = load_tree(connection, tree) if tree else {}
        entry = files.get(bundles.MANIFEST)
        manifest = "" if entry is None else entry.sha256
        known = select(BundleFacts.manifest).where(BundleFacts.manifest == manifest)
        wanted = manifest not in fresh if fresh is not None else connection.scalar(known) is None
        beside = read_beside(stores, connection, files) if manifest else None
    facts = read_facts(stores, manifest, files) if wanted and manifest else None
    if fresh is not None:
        fresh.add(manifest)

    def act(session: Session) -> None:
        """Enter the commit with what its bundle says, unless either is gone by now."""
        if facts is not None:
            keep_facts(session, manifest, facts)
        # Locked: it is neither moved on nor deleted while it is listed.
        repository = session.get(Repository, repository_id, with_for_update=True)
        commit = session.get(Commit, (repository_id, oid))
        if repository is not None and commit is not None:
            enter(session, repository, commit, files, beside)

    stores.database.transact(act)


def is_entered(stores: Stores, repository_id: str, oid: str) -> bool:
    """Whether a commit was looked at."""
    with stores.database.read() as connection:
        return connection.scalar(_entered(repository_id, oid)) is not None


def _entered(repository_id: str, oid: str) -> Select[str]:
    return select(TicketVersion.problem).where(
        TicketVersion.repository_id == repository_id, TicketVersion.oid == oid
    )


def index_pending(stores: TrustingStores) -> int:
    """Look at every commit that nobody has looked at yet; how many there were.

    The newest ones whose signatures were read when others were trusted are looked at again.
    """
    found = pending_commits(stores)
    for repository_id, oid in found:
        index_commit(stores, repository_id, oid)
    for repository_id, oid in signed_for_others(stores):
        index_commit(stores, repository_id, oid, again=True)
    return len(found)


def not_entered() -> Select[str, str]:
    """The commits that the catalog does not have: repository and id."""
    return (
        select(Commit.repository_id, Commit.oid)
        .outerjoin(
            TicketVersion,
            (TicketVersion.repository_id == Commit.repository_id)
            & (TicketVersion.oid == Commit.oid),
        )
        .where(TicketVersion.oid.is_(None))
    )


def pending_commits(stores: Stores) -> list[tuple[str, str]]:
    """The commits that nobody has looked at yet: repository and id, the oldest first."""
    with stores.database.read() as connection:
        rows = connection.execute(not_entered().order_by(Commit.repository_id, Commit.number)).all()
    return [(row.repository_id, row.oid) for row in rows]


def rebuild(stores: TrustingStores) -> Iterator[tuple[str, str, str]]:
    """Make everything anew from the contents; yields repository, commit and problem of each.

    It may run beside the service: each commit is replaced in a transaction of its own.
    """
    with stores.database.read() as connection:
        commits = connection.execute(
            select(Repository.key, Commit.repository_id, Commit.oid)
            .join(Repository, Repository.id == Commit.repository_id)
            .order_by(Repository.key, Commit.number)
        ).all()
    fresh: set[str] = set()
    for key, repository_id, oid in commits:
        index_commit(stores, repository_id, oid, fresh=fresh)
        with stores.database.read() as connection:
            problem = connection.scalar(_entered(repository_id, oid)) or ""
        yield key.partition("/")[2], oid, problem
    stores.database.transact(lambda session: _sweep(session, true()))
