"""Revisions of repositories: what a name means, its files, and how branches and tags move."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import SQLColumnExpression, and_, case, func, literal, select
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session, aliased

from ticket_hub.patterns import COMMIT
from ticket_hub_api import errors
from ticket_hub_api.store.names import RepositoryKey
from ticket_hub_api.store.repositories import (
    REPOSITORY_COLUMNS,
    RepositoryRow,
    Viewer,
    has_key,
    key_of,
)
from ticket_hub_api.store.tables import Commit, Ref, RefChange, Repository, Tree, now
from ticket_hub_api.store.trees import Files, TreeEntry, files_of

__all__ = [
    "COMMIT_COLUMNS",
    "HEADS",
    "TAGS",
    "CommitRow",
    "find_file",
    "find_revision",
    "move_ref",
    "resolve_revision",
]

_SHORT_OID = re.compile(r"[0-9a-f]{7,39}")
HEADS, TAGS = "refs/heads/", "refs/tags/"


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


COMMIT_COLUMNS = tuple(getattr(Commit, name) for name in CommitRow.__slots__)


def resolve_revision(
    database: Connection | Session, repository: RepositoryRow, revision: str
) -> CommitRow:
    """The commit that a branch, a tag, a full reference or a commit id means.

    Raises:
        ApiError: 404 RevisionNotFound; 501 for pull requests.
    """
    target = _target(revision, literal(repository.id), literal(repository.head))
    row = database.execute(
        select(*COMMIT_COLUMNS).where(Commit.repository_id == repository.id, Commit.oid == target)
    ).first()
    if row is None:
        raise _unknown(revision)
    return CommitRow(*row)


def find_revision(
    database: Connection | Session, viewer: Viewer, place: RepositoryKey, revision: str
) -> tuple[RepositoryRow, CommitRow, Files]:
    """A repository that the caller may read, the commit that a revision means, and its files.

    It is one question to the database: what a pull asks for most.

    Raises:
        ApiError: 404, the same for a missing and for a hidden one, or when it has no such
            revision; 501 for pull requests.
    """
    target = _target(revision, Repository.id, Repository.head)
    here = and_(Commit.repository_id == Repository.id, Commit.oid == target)
    statement = (
        select(*REPOSITORY_COLUMNS, *COMMIT_COLUMNS, Tree.data)
        .select_from(Repository)
        .outerjoin(Commit, here)
        .outerjoin(Tree, Tree.oid == Commit.tree)
        .where(has_key(key_of(place)))
    )
    row = database.execute(statement).first()
    if row is None or not viewer.may_read(row.visibility, row.owner_id):
        raise errors.repository_not_found(anonymous=viewer.anonymous)
    repository = RepositoryRow(*row[: len(REPOSITORY_COLUMNS)])
    commit = CommitRow(*row[len(REPOSITORY_COLUMNS) : -1])
    if not commit.oid:
        raise _unknown(revision)
    return repository, commit, files_of(commit.tree, row[-1])


def find_file(
    database: Connection | Session, viewer: Viewer, place: RepositoryKey, revision: str, path: str
) -> tuple[RepositoryRow, CommitRow, TreeEntry]:
    """One file of what `find_revision` gives.

    Raises:
        ApiError: 404, the same for a missing and for a hidden one, or when it has no such
            revision, or that has no such file; 501 for pull requests.
    """
    row, commit, files = find_revision(database, viewer, place, revision)
    entry = files.get(path)
    if entry is None:
        raise errors.entry_not_found(path, commit.oid)
    return row, commit, entry


def _target(
    revision: str, repository_id: SQLColumnExpression[str], head: SQLColumnExpression[str]
) -> SQLColumnExpression[str]:
    """The commit id that a revision means in a repository, or null: a branch before a tag."""
    if revision in {"main", "HEAD"}:  # huggingface.js asks for the one that git knows
        return head
    if COMMIT.fullmatch(revision):
        return literal(revision)
    names = [revision] if revision.startswith("refs/") else [HEADS + revision, TAGS + revision]
    # Asked in one statement, in git's order: a branch hides a tag of its name.
    meant = [
        select(Ref.target)
        .where(Ref.repository_id == repository_id, Ref.name == name)
        .scalar_subquery()
        for name in names
    ]
    if _SHORT_OID.fullmatch(revision):
        # The only commit that begins with these digits, as git allows.
        other = aliased(Commit)
        meant.append(
            select(case((func.count() == 1, func.min(other.oid))))
            .where(other.repository_id == repository_id, other.oid.startswith(revision))
            .scalar_subquery()
        )
    return func.coalesce(*meant, "")


def _unknown(revision: str) -> errors.ApiError:
    if revision.startswith("refs/pr/"):
        return errors.not_supported("pull requests")
    return errors.revision_not_found(revision)


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
    # Numbered by the repository's own row, which the writer has locked: no two changes share a
    # number.
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
