"""Finding repositories, and making, moving, opening and deleting them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import ColumnElement, delete, or_, select
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from ticket_hub_api import errors
from ticket_hub_api.settings import Visibility
from ticket_hub_api.store.listeners import listeners_of, tell_changed
from ticket_hub_api.store.names import RepositoryKey, check_repository_name, repository_key
from ticket_hub_api.store.tables import (
    Account,
    Commit,
    FormerName,
    Ref,
    RefChange,
    Repository,
    RepositoryTag,
    Upload,
    Use,
)

__all__ = [
    "REPOSITORY_COLUMNS",
    "RepositoryRow",
    "Viewer",
    "delete_repository",
    "find_readable",
    "find_writable",
    "has_key",
    "key_of",
    "lock",
    "move_repository",
    "owner_for",
    "release_name",
    "visible",
]


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


class Viewer(Protocol):
    """Who reads and changes repositories, as far as it matters here."""

    @property
    def anonymous(self) -> bool:
        """Whether nobody knows who it is."""

    @property
    def name(self) -> str:
        """The account's name, and so that of its own namespace."""

    @property
    def sees_all(self) -> bool:
        """Whether everything exists for them."""

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces in which they have a role."""

    def may_read(self, visibility: str, owner_id: str) -> bool:
        """Whether what a namespace keeps with this visibility exists for them."""

    def may_write_in(self, namespace_id: str) -> bool:
        """Whether they may create and change repositories in a namespace."""

    def may_administer(self, namespace_id: str) -> bool:
        """Whether they may delete, move and open repositories there."""


REPOSITORY_COLUMNS = tuple(getattr(Repository, name) for name in RepositoryRow.__slots__)
_SELECT = select(*REPOSITORY_COLUMNS)


def visible(viewer: Viewer) -> ColumnElement[bool]:
    """The condition under which a repository exists for a viewer; as they `may_read` it."""
    if viewer.sees_all:
        return Repository.id.is_not(None)
    if viewer.anonymous:
        return Repository.visibility == Visibility.PUBLIC
    return or_(
        Repository.visibility != Visibility.PRIVATE, Repository.owner_id.in_(viewer.namespaces)
    )


def find(database: Connection | Session, key: str) -> RepositoryRow | None:
    """The repository of this key, or the one that once had it."""
    row = database.execute(_SELECT.where(has_key(key))).first()
    return None if row is None else RepositoryRow(*row)


def has_key(key: str) -> ColumnElement[bool]:
    """A name leads to one repository: who takes a former name ends that it leads elsewhere."""
    former = select(FormerName.repository_id).where(FormerName.key == key)
    return or_(Repository.key == key, Repository.id == former.scalar_subquery())


def find_readable(
    database: Connection | Session, viewer: Viewer, place: RepositoryKey
) -> RepositoryRow:
    """A repository that the caller may read.

    Raises:
        ApiError: the same for a missing and for a hidden one.
    """
    row = find(database, key_of(place))
    if row is None or not viewer.may_read(row.visibility, row.owner_id):
        raise errors.repository_not_found(anonymous=viewer.anonymous)
    return row


def key_of(place: RepositoryKey) -> str:
    """What the database knows the name of a repository by."""
    namespace, _, name = place.name.partition("/")
    return repository_key(place.kind, namespace, name)


def find_writable(
    database: Connection | Session, viewer: Viewer, place: RepositoryKey
) -> RepositoryRow:
    """A repository that the caller may change.

    Raises:
        ApiError: 404, the same for a missing and for a hidden one; 403 when the caller may
            only read it.
    """
    row = find_readable(database, viewer, place)
    if not viewer.may_write_in(row.owner_id):
        raise errors.forbidden(f"You have no right to write to {row.full_name}.")
    return row


def find_administered(
    database: Connection | Session, viewer: Viewer, place: RepositoryKey
) -> RepositoryRow:
    """A repository that the caller may delete, move and open to others.

    Raises:
        ApiError: 404, the same for a missing and for a hidden one; 403 when the caller may
            not delete it.
    """
    row = find_writable(database, viewer, place)
    if not viewer.may_administer(row.owner_id):
        raise errors.forbidden(f"Only an administrator of {row.namespace} may do this.")
    return row


def owner_for(session: Session, viewer: Viewer, namespace: str) -> Account:
    """The account in whose namespace the caller wants to make a repository.

    Raises:
        ApiError: 403 when there is none, or the caller may not write there.
    """
    account = session.scalar(
        select(Account).where(Account.key == (namespace or viewer.name).lower())
    )
    if account is None or not viewer.may_write_in(account.id):
        raise errors.forbidden(
            f"You have no right to create a repository under {namespace or viewer.name!r}."
        )
    return account


def move_repository(session: Session, viewer: Viewer, source: RepositoryKey, target: str) -> None:
    """Give a repository another name or owner; the old name keeps leading to it.

    Raises:
        ApiError: 404, the same for a missing and for a hidden one; 403 without a right to the
            repository or the new namespace; 409 when the new name is taken.
    """
    row = find_administered(session, viewer, source)
    namespace, _, name = target.partition("/")
    owner = owner_for(session, viewer, namespace)
    key = repository_key(source.kind, owner.name, check_repository_name(name))
    other = session.scalar(select(Repository.id).where(Repository.key == key))
    if other is not None and other != row.id:
        raise errors.conflict(f"There is a repository {target} already.")
    repository = lock(session, row.id)
    for name_in_use in (key, repository.key):
        release_name(session, name_in_use)
    if repository.key != key:
        session.add(FormerName(key=repository.key, repository_id=row.id))
    repository.key, repository.name = key, name
    repository.namespace, repository.owner_id = owner.name, owner.id
    session.flush()
    tell_changed(session, repository)


def release_name(session: Session, key: str) -> None:
    """Let a former name lead to no repository any more."""
    former = session.get(FormerName, key)
    if former is not None:
        session.delete(former)
        session.flush()


def delete_repository(session: Session, repository_id: str) -> None:
    """Forget a repository. Its objects stay until they are collected."""
    for listener in listeners_of(session):
        listener.deleted(session, repository_id)
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
