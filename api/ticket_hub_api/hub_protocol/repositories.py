"""Finding repositories and revisions, and making, moving, opening and deleting repositories."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from ticket_hub_api import errors
from ticket_hub_api.catalog import filling
from ticket_hub_api.catalog.tables import (
    Account,
    Commit,
    FormerName,
    Ref,
    RefChange,
    Repository,
    RepositoryTag,
    Upload,
    Use,
    now,
)
from ticket_hub_api.hub_protocol.names import Place, check_repository_name, repository_key
from ticket_hub_api.principals import Principal

__all__ = [
    "CommitRow",
    "RepositoryRow",
    "delete_repository",
    "find_readable",
    "find_writable",
    "lock",
    "move_ref",
    "move_repository",
    "owner_for",
    "resolve_revision",
]

_OID = re.compile(r"[0-9a-f]{40}")
_SHORT_OID = re.compile(r"[0-9a-f]{7,39}")
HEADS, TAGS = "refs/heads/", "refs/tags/"


@dataclass(frozen=True, slots=True)
class RepositoryRow:
    """A repository as the database has it at one moment; fields as in the table."""

    id: str
    kind: str
    owner_id: str
    namespace: str
    name: str
    visibility: str
    gated: str
    head: str
    downloads: int
    library: str
    pipeline: str
    created_at: int
    updated_at: int

    @property
    def full_name(self) -> str:
        """`owner/name`."""
        return f"{self.namespace}/{self.name}"

    @property
    def private(self) -> bool:
        """Whether only its owner and members may read it."""
        return self.visibility == "private"


@dataclass(frozen=True, slots=True)
class CommitRow:
    """A commit as the database has it; fields as in the table."""

    oid: str
    number: int
    parent: str
    tree: str
    title: str
    message: str
    author: str
    summary: str
    created_at: int


REPOSITORY_COLUMNS = tuple(getattr(Repository, name) for name in RepositoryRow.__slots__)
COMMIT_COLUMNS = tuple(getattr(Commit, name) for name in CommitRow.__slots__)
_SELECT = select(*REPOSITORY_COLUMNS)


def find(database: Connection | Session, key: str) -> RepositoryRow | None:
    """The repository of this key, or the one that once had it."""
    row = database.execute(_SELECT.where(Repository.key == key)).first()
    if row is None:
        former = _SELECT.join(FormerName, FormerName.repository_id == Repository.id)
        row = database.execute(former.where(FormerName.key == key)).first()
    return None if row is None else RepositoryRow(*row)


def find_readable(
    database: Connection | Session, principal: Principal, place: Place
) -> RepositoryRow:
    """A repository that the caller may read.

    Raises:
        ApiError: the same for a missing and for a hidden one.
    """
    namespace, _, name = place.name.partition("/")
    row = find(database, repository_key(place.kind, namespace, name))
    if row is None or not principal.may_read(row):
        raise errors.repository_not_found(anonymous=principal.anonymous)
    return row


def find_writable(
    database: Connection | Session, principal: Principal, place: Place
) -> RepositoryRow:
    """A repository that the caller may change.

    Raises:
        ApiError: as `find_readable`; 403 when the caller may only read it.
    """
    row = find_readable(database, principal, place)
    if not principal.may_write_in(row.owner_id):
        raise errors.forbidden(f"You have no right to write to {row.full_name}.")
    return row


def find_administered(
    database: Connection | Session, principal: Principal, place: Place
) -> RepositoryRow:
    """A repository that the caller may delete, move and open to others.

    Raises:
        ApiError: as `find_writable`.
    """
    row = find_writable(database, principal, place)
    if not principal.may_administer(row.owner_id):
        raise errors.forbidden(f"Only an administrator of {row.namespace} may do this.")
    return row


def resolve_revision(
    database: Connection | Session, repository: RepositoryRow, revision: str
) -> CommitRow:
    """The commit that a branch, a tag, a full reference or a commit id means.

    Raises:
        ApiError: 404 RevisionNotFound; 501 for pull requests.
    """
    if revision.startswith("refs/pr/"):
        raise errors.not_supported("pull requests")
    oid = _target(database, repository, revision)
    row = (
        oid
        and database.execute(
            select(*COMMIT_COLUMNS).where(Commit.repository_id == repository.id, Commit.oid == oid)
        ).first()
    )
    if not row:
        raise errors.revision_not_found(revision)
    return CommitRow(*row)


def _target(database: Connection | Session, repository: RepositoryRow, revision: str) -> str:
    if revision in {"main", "HEAD"}:  # huggingface.js asks for the one that git knows
        return repository.head
    if _OID.fullmatch(revision):
        return revision
    wanted = [revision] if revision.startswith("refs/") else [HEADS + revision, TAGS + revision]
    rows = database.execute(
        select(Ref.name, Ref.target).where(Ref.repository_id == repository.id, Ref.name.in_(wanted))
    ).all()
    if rows:
        target: str = min(rows, key=lambda row: wanted.index(row.name)).target
        return target
    return _abbreviated(database, repository, revision)


def _abbreviated(database: Connection | Session, repository: RepositoryRow, revision: str) -> str:
    """The only commit that begins with these digits, as git allows."""
    if not _SHORT_OID.fullmatch(revision):
        return ""
    statement = (
        select(Commit.oid)
        .where(Commit.repository_id == repository.id, Commit.oid.startswith(revision))
        .limit(2)
    )
    found: list[str] = list(database.execute(statement).scalars())
    return found[0] if len(found) == 1 else ""


def owner_for(session: Session, principal: Principal, namespace: str) -> Account:
    """The account in whose namespace the caller wants to make a repository.

    Raises:
        ApiError: 403 when there is none, or the caller may not write there.
    """
    account = session.scalar(
        select(Account).where(Account.key == (namespace or principal.name).lower())
    )
    if account is None or not principal.may_write_in(account.id):
        raise errors.forbidden(
            f"You have no right to create a repository under {namespace or principal.name!r}."
        )
    return account


def move_repository(session: Session, principal: Principal, source: Place, target: str) -> None:
    """Give a repository another name or owner; the old name keeps leading to it.

    Raises:
        ApiError: as `find_administered`; 403 without a right to the new namespace; 409 when the
            new name is taken.
    """
    row = find_administered(session, principal, source)
    namespace, _, name = target.partition("/")
    owner = owner_for(session, principal, namespace)
    key = repository_key(source.kind, owner.name, check_repository_name(name))
    other = session.scalar(select(Repository.id).where(Repository.key == key))
    if other is not None and other != row.id:
        raise errors.conflict(f"There is a repository {target} already.")
    repository = lock(session, row.id)
    session.execute(delete(FormerName).where(FormerName.key.in_([key, repository.key])))
    if repository.key != key:
        session.add(FormerName(key=repository.key, repository_id=row.id))
    repository.key, repository.name = key, name
    repository.namespace, repository.owner_id = owner.name, owner.id
    session.flush()
    filling.refresh(session, repository)


def delete_repository(session: Session, repository_id: str) -> None:
    """Forget a repository. Its objects stay until they are collected."""
    filling.forget(session, repository_id)
    dependents: tuple[type[Any], ...] = (
        FormerName, RepositoryTag, Ref, RefChange, Commit, Use, Upload,
    )  # fmt: skip
    for table in dependents:
        session.execute(delete(table).where(table.repository_id == repository_id))
    session.execute(delete(Repository).where(Repository.id == repository_id))


def lock(session: Session, repository_id: str) -> Repository:
    """The repository's row, locked until the transaction ends.

    Raises:
        ApiError: 404 when it was deleted meanwhile.
    """
    row = session.scalar(
        select(Repository)
        .where(Repository.id == repository_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if row is None:
        raise errors.repository_not_found(anonymous=False)
    return row


def move_ref(
    session: Session,
    repository: Repository,
    name: str,
    target: str,
    *,
    author: str,
    message: str = "",
) -> None:
    """Make a branch or tag, move it, or (with an empty target) remove it; its history is kept."""
    ref = session.get(Ref, (repository.id, name))
    repository.changes += 1
    session.add(
        RefChange(
            repository_id=repository.id,
            number=repository.changes,
            name=name,
            old=ref.target if ref else "",
            new=target,
            author=author,
        )
    )
    if ref is None:
        session.add(Ref(repository_id=repository.id, name=name, target=target, message=message))
    elif target:
        ref.target, ref.updated_at = target, now()
    else:
        session.delete(ref)
