"""Whether commits, trees, branches and tags hang together."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from sqlalchemy import func, select
from sqlalchemy.engine import Connection
from sqlalchemy.orm import aliased

from ticket_hub_api.hub_protocol.commits import commit_oid
from ticket_hub_api.maintenance.findings import Damage
from ticket_hub_api.store.tables import Commit, Ref, RefChange, Repository, Tree, Use
from ticket_hub_api.store.trees import decode_tree, encode_tree

__all__ = ["check_history"]

_NAMED = ("repository_id", "number", "parent", "tree", "title", "message", "author", "created_at")


def check_history(connection: Connection) -> Iterator[Damage]:
    """What does not hang together, as (kind, name, problem)."""
    yield from _commits(connection)
    yield from _trees(connection)
    yield from _references(connection)
    yield from _heads(connection)


def _commits(connection: Connection) -> Iterator[Damage]:
    """Every commit says what its id was made of, its parent exists, and none is missing."""
    columns = [Commit.oid, *(getattr(Commit, name) for name in _NAMED)]
    for row in connection.execute(select(*columns)):
        values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's name for it
        if commit_oid({name: values[name] for name in _NAMED}) != row.oid:
            yield "commit", row.oid, "does not have the content that its id names"
    parent = aliased(Commit)
    orphans = (
        select(Commit.oid)
        .outerjoin(
            parent,
            (parent.repository_id == Commit.repository_id) & (parent.oid == Commit.parent),
        )
        .where(Commit.parent != "", parent.oid.is_(None))
    )
    for oid in connection.execute(orphans).scalars():
        yield "commit", oid, "has lost its parent"
    for table, what in ((Commit, "commits"), (RefChange, "changes")):
        count = select(func.count()).where(table.repository_id == Repository.id).scalar_subquery()
        stated = getattr(Repository, what)
        statement = select(Repository.key, stated, count).where(stated != count)
        for key, wanted, there in connection.execute(statement):
            yield "repository", key, f"has {there} of its {wanted} {what}"


def _trees(connection: Connection) -> Iterator[Damage]:
    """Every tree is what its id says, and the contents it names are kept from the collector."""
    for row in connection.execute(select(Tree.oid, Tree.data)):
        try:
            files = decode_tree(row.data)
            whole = encode_tree(files)[0] == row.oid
        except (zlib.error, ValueError, TypeError, IndexError):
            whole = False
        if not whole:
            yield "tree", row.oid, "does not have the content that its id names"
            continue
        owners = connection.execute(
            select(Commit.repository_id).where(Commit.tree == row.oid).distinct()
        ).scalars()
        wanted = {entry.sha256 for entry in files.values()}
        for owner in owners.all():
            held = select(Use.sha256).where(Use.repository_id == owner)
            for sha256 in sorted(wanted - set(connection.execute(held).scalars())):
                yield "tree", row.oid, f"names the content {sha256}, which is not held"


def _references(connection: Connection) -> Iterator[Damage]:
    """Every branch and tag leads to a commit, as the last entry of its history says."""
    statement = select(Ref.repository_id, Ref.name, Ref.target, Commit.oid).outerjoin(
        Commit, (Commit.repository_id == Ref.repository_id) & (Commit.oid == Ref.target)
    )
    last: dict[tuple[str, str], str] = {}
    changes = select(RefChange.repository_id, RefChange.name, RefChange.new)
    for row in connection.execute(changes.order_by(RefChange.repository_id, RefChange.number)):
        last[row.repository_id, row.name] = row.new
    for owner, name, target, commit in connection.execute(statement):
        if not commit:
            yield "reference", f"{owner}: {name}", "leads to no commit"
        if last.pop((owner, name), None) != target:
            yield "reference", f"{owner}: {name}", "is not where its history ends"
    for (repository_id, name), target in last.items():
        if target:
            yield "reference", f"{repository_id}: {name}", "is missing, though it was never removed"


def _heads(connection: Connection) -> Iterator[Damage]:
    """Every repository's head is where its default branch is."""
    statement = select(Repository.key, Repository.head, Repository.commits, Ref.target).outerjoin(
        Ref, (Ref.repository_id == Repository.id) & (Ref.name == "refs/heads/main")
    )
    for row in connection.execute(statement):
        if row.head != row.target:
            yield "repository", row.key, "has a head that is not its default branch's"
