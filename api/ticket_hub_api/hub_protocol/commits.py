"""Commits: a request becomes an immutable tree, and a branch moves to it, in one transaction.

Commits to one repository are made one after another: SQLite has one writer, PostgreSQL locks the
repository's row. With `parentCommit` the branch must still be there (412 if not); without, the
changes are applied to wherever it is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ticket_hub.durable import canonical_json
from ticket_hub_api import errors
from ticket_hub_api.accounts.principals import Principal
from ticket_hub_api.hub_protocol.cards import summarize
from ticket_hub_api.hub_protocol.changes import SizeOf, carry_out, check_names, is_same
from ticket_hub_api.hub_protocol.operations import Add, CommitPlan
from ticket_hub_api.services import Services
from ticket_hub_api.store import objects, repositories, revisions
from ticket_hub_api.store.blobs import git_blob_id
from ticket_hub_api.store.listeners import listeners_of
from ticket_hub_api.store.repositories import RepositoryRow
from ticket_hub_api.store.revisions import HEADS, CommitRow
from ticket_hub_api.store.tables import Commit, Ref, Repository, RepositoryTag, Tree, Use, now
from ticket_hub_api.store.trees import Files, TreeEntry, encode_tree, load_tree

__all__ = ["CommitWork", "Draft", "commit_oid", "make_commit", "write_revision"]


@dataclass
class Draft:
    """Contents of regular files that were stored for a commit, before it is made.

    `entered` are those that a row names once the transaction is committed. Should nobody learn
    whether it was, they are left to the collector.
    """

    services: Services
    kept: dict[str, str] = field(default_factory=dict)
    entered: set[str] = field(default_factory=set)

    def keep(self, path: str, data: bytes) -> Add:
        """Store a regular file's content, once."""
        sha256 = hashlib.sha256(data).hexdigest()
        if sha256 not in self.kept and data:
            with self.services.blobs.incoming() as incoming:
                incoming.write(data)
                self.kept[sha256] = self.services.blobs.keep(incoming.finish())
        return Add(path, sha256, len(data), git_blob_id(data))

    def enter(self, session: Session, plan: CommitPlan) -> None:
        """Enter the contents in the commit's transaction; copies that were there win."""
        contents = {
            each.sha256: (each.size or 0, self.kept.get(each.sha256, ""))
            for each in plan.operations
            if isinstance(each, Add) and each.oid
        }
        self.entered = objects.register(session, contents)

    def clear(self) -> None:
        """Remove the copies that no row came to name."""
        for sha256, key in self.kept.items():
            if sha256 not in self.entered:
                objects.drop(self.services.blobs, key)
        self.kept.clear()


def make_commit(
    services: Services,
    principal: Principal,
    row: RepositoryRow,
    branch: str,
    lines: Iterable[bytes],
) -> CommitRow:
    """Carry out a commit request.

    Raises:
        ApiError: 400 or 404 for what cannot be done, 412 when the parent is not the branch's head.
    """
    from ticket_hub_api.hub_protocol.operations import read_plan

    # Contents are stored before the transaction begins: a body that arrives slowly must not keep
    # the one writer waiting.
    draft = Draft(services)
    try:
        made = _make(principal, row, branch, read_plan(lines, draft.keep), draft)
    finally:
        draft.clear()
    # After the commit: what listings know of its tickets may come later, the commit itself is done.
    services.index(row.id, made.oid)
    return made


def _make(
    principal: Principal, row: RepositoryRow, branch: str, plan: CommitPlan, draft: Draft
) -> CommitRow:
    services = draft.services

    def act(session: Session) -> CommitRow:
        """Lock the repository, enter the contents, and commit."""
        # Before the head is read: who waited here sees what was committed meanwhile.
        repository = repositories.lock(session, row.id)
        draft.enter(session, plan)
        work = CommitWork(
            services=services,
            session=session,
            repository=repository,
            branch=branch,
            plan=plan,
            author=principal.name,
        )
        return _apply(work, principal)

    return services.database.transact(act)


@dataclass(frozen=True, kw_only=True)
class CommitWork:
    """A transaction that is going to commit: where to, who, and what was asked for."""

    services: Services
    session: Session
    repository: Repository
    branch: str
    plan: CommitPlan
    author: str


def _apply(work: CommitWork, principal: Principal) -> CommitRow:
    session, repository, branch, plan = work.session, work.repository, work.branch, work.plan
    head = _head(session, repository, branch)
    size_of = _large_check(session, principal, repository.id)
    if plan.parent and plan.parent != head.oid:
        if _is_made(work, head, size_of):
            return head
        raise errors.ApiError(
            412,
            f"A commit has happened since: {branch} is at {head.oid}, not at {plan.parent}. "
            "Fetch it, then try again.",
        )
    try:
        files, before = _changed(work, head.tree, size_of)
    except errors.ApiError:  # such as of a file to delete, which the first try has deleted
        if _is_made(work, head, size_of):
            return head
        raise
    check_names(files, before)
    # Pushing the same files again is no commit.
    return head if _are_same(files, before) else write_revision(work, head, files)


def _changed(work: CommitWork, tree: str, size_of: SizeOf) -> tuple[Files, Files]:
    """The files of a tree after the operations of a commit, and as they are."""
    # Shared by all who ask for this tree, and not to be changed: the commit works on a copy.
    before = load_tree(work.session, tree)
    files = dict(before)
    for operation in work.plan.operations:
        carry_out(files, operation, work.repository.commits + 1, size_of)
    return files, before


def _is_made(work: CommitWork, head: CommitRow, size_of: SizeOf) -> bool:
    """Whether the head is this very commit: its answer was lost, and the client sends it again."""
    plan = work.plan
    said = (head.title, head.message, head.author) == (plan.title, plan.message, work.author)
    if not (said and head.parent and plan.parent in {"", head.parent}):
        return False
    tree = work.session.scalar(
        select(Commit.tree).where(
            Commit.repository_id == work.repository.id, Commit.oid == head.parent
        )
    )
    try:
        files, _ = _changed(work, tree or "", size_of)
    except errors.ApiError:
        return False
    return _are_same(files, load_tree(work.session, head.tree))


def _are_same(files: Files, others: Files) -> bool:
    return files.keys() == others.keys() and all(is_same(files[p], others[p]) for p in files)


def _head(session: Session, repository: Repository, branch: str) -> CommitRow:
    """The commit that a branch is at.

    Raises:
        ApiError: 404 when there is no such branch.
    """
    name = branch if branch.startswith(HEADS) else HEADS + branch
    # Under its own name, or the client would be told that the branch is missing.
    if branch.startswith("refs/pr/"):
        raise errors.not_supported("pull requests")
    row = session.execute(
        select(*revisions.COMMIT_COLUMNS)
        .join(Ref, (Ref.repository_id == Commit.repository_id) & (Ref.target == Commit.oid))
        .where(Ref.repository_id == repository.id, Ref.name == name)
    ).first()
    if row is None:
        raise errors.revision_not_found(branch)
    return CommitRow(*row)


def _large_check(session: Session, principal: Principal, repository_id: str) -> SizeOf:
    """A function that gives the size of a large object that the caller may name."""

    def size_of(sha256: str) -> int:
        """In bytes; 400 where the caller may not name the object."""
        found = objects.may_name(session, principal, repository_id, sha256)
        if found is None:
            raise errors.bad_request(
                f"The content {sha256} was not uploaded. Upload it, then commit again."
            )
        return found.size

    return size_of


def commit_oid(values: dict[str, Any]) -> str:
    """A commit's id: 40 digits over all that it says."""
    text = canonical_json(values)
    return hashlib.sha1(b"commit\0" + text, usedforsecurity=False).hexdigest()


def write_revision(work: CommitWork, head: CommitRow | None, files: Files) -> CommitRow:
    """Write tree and commit, and move the branch; the transaction makes them visible together."""
    session, repository = work.session, work.repository
    tree = _write_tree(session, repository.id, files)
    repository.commits += 1
    known = json.loads(head.summary) if head else {}
    before = load_tree(session, head.tree) if head else {}

    def read(entry: TreeEntry, length: int) -> bytes:
        """The first bytes of a file, for the card and the network's config."""
        return objects.open_content(work.services, session, entry.sha256).head(length)

    summary = summarize(files, before, known, read)
    values: dict[str, Any] = {
        "repository_id": repository.id,
        "number": repository.commits,
        "parent": head.oid if head else "",
        "tree": tree,
        "title": work.plan.title,
        "message": work.plan.message,
        "author": work.author,
        # A clock may go back; the times of a history never do.
        "created_at": max(now(), (head.created_at + 1) if head else 0),
    }
    commit = Commit(**values, oid=commit_oid(values), summary=canonical_json(summary).decode())
    session.add(commit)
    # Refs name their commit by a foreign key, so its row has to be there first.
    session.flush()
    name = HEADS + work.branch.removeprefix(HEADS)
    revisions.move_ref(session, repository, name, commit.oid, author=work.author)
    if name == HEADS + "main":
        # What listings show and filter by is of the default branch's head.
        repository.head = commit.oid
        repository.updated_at = commit.created_at
        repository.library = summary["library"]
        repository.pipeline = summary["pipeline"]
        repository.parameters = (summary.get("safetensors") or {}).get("total")
        session.execute(delete(RepositoryTag).where(RepositoryTag.repository_id == repository.id))
        session.add_all(
            RepositoryTag(repository_id=repository.id, tag=tag) for tag in summary["tags"]
        )
    # In this transaction: nobody sees a commit without the rows that are made of it.
    for listener in listeners_of(session):
        listener.committed(session, repository, commit, files)
    return CommitRow(*(getattr(commit, name) for name in CommitRow.__slots__))


def _write_tree(session: Session, repository_id: str, files: Files) -> str:
    oid, data = encode_tree(files)
    # Named by its content: all repositories and commits with these files share one row.
    if session.get(Tree, oid) is None:
        session.add(Tree(oid=oid, data=data))
    wanted = {entry.sha256 for entry in files.values()}
    known = set(session.scalars(select(Use.sha256).where(Use.repository_id == repository_id)))
    session.add_all(
        Use(repository_id=repository_id, sha256=sha256) for sha256 in sorted(wanted - known)
    )
    session.flush()
    return oid
