"""Removing what nothing refers to, while others push.

Where a row is missing, what it spoke of looks unused, so that is looked at first, and nothing is
removed from a damaged hub. Rows go first, in short transactions and only where no other row refers
to them; a foreign key stops the collector from taking what a push has just come to use. Files go
after their rows, and since their keys are never used twice, no new file can be hit. What is younger
than the grace time stays, so that a push which has sent its objects finds them when it commits.
Clients of the chunk protocol remember for three weeks which chunks they have sent, so chunks stay
longer; when some are collected all the same, the store gets a new address, and clients begin anew.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Delete, Select, delete, select

from ticket_hub.errors import HubError, HubUnavailableError
from ticket_hub_api.maintenance.check import relied_on
from ticket_hub_api.store.blobs import Blobs
from ticket_hub_api.store.database import Database
from ticket_hub_api.store.signing import renew_generation
from ticket_hub_api.store.storage import StoredFile
from ticket_hub_api.store.tables import Commit, StoredObject, Tree, Upload, Use, Xorb, XorbUse, now

__all__ = ["GRACE_SECONDS", "XET_SECONDS", "Collected", "collect"]

GRACE_SECONDS = 24 * 3600
"""What was sent within this time stays: a commit may be about to name it."""
XET_SECONDS = 22 * 24 * 3600
"""The same for chunks: clients remember for three weeks that they sent one."""
_BATCH = 200
T = TypeVar("T")


@dataclass
class Collected:
    """What was removed, or would be: counts, and the bytes that become free."""

    objects: int = 0
    xorbs: int = 0
    trees: int = 0
    orphans: int = 0
    bytes: int = 0

    def to_dict(self) -> dict[str, int]:
        """The same as plain values."""
        return asdict(self)


def collect(
    database: Database,
    blobs: Blobs,
    *,
    grace_seconds: float = GRACE_SECONDS,
    xet_seconds: float = XET_SECONDS,
    dry_run: bool = False,
) -> Collected:
    """Remove what no commit of any repository refers to and nobody has touched lately.

    Args:
        grace_seconds: what was sent or asked for within this time stays.
        xet_seconds: the same for chunks that no file uses.
        dry_run: count only.

    Raises:
        HubError: the rows that say what is used disagree; nothing was removed.
        HubUnavailableError: the database is busy. StorageError: a file cannot be removed. Run it
            again; what was removed was removed whole.
    """
    found = list(relied_on(database))
    if found:
        first = found[0]
        raise HubError(
            f"The hub's database is damaged where it says what is used ({len(found)} findings): "
            f"{first.what} {first.name} {first.problem}.",
            "Nothing was removed. See `ticket hub fsck`, and restore a backup.",
        )
    done = Collected()
    cutoff, xet_cutoff = _before(grace_seconds), _before(xet_seconds)
    if not dry_run:
        database.transact(
            lambda session: session.execute(delete(Upload).where(Upload.created_at < cutoff))
        )
    _collect_objects(database, blobs, cutoff, done, dry_run=dry_run)
    _collect_xorbs(database, blobs, xet_cutoff, done, dry_run=dry_run)
    done.trees = _remove_trees(database, dry_run=dry_run)
    for file in _orphans(database, blobs, grace_seconds):
        done.orphans += 1
        done.bytes += file.size
        if not dry_run:
            blobs.storage.delete(file.key)
    if not dry_run:
        _clear_spool(blobs.spool, grace_seconds)
    return done


def _collect_objects(
    database: Database, blobs: Blobs, cutoff: int, done: Collected, *, dry_run: bool
) -> None:
    name = StoredObject.sha256
    unused = (
        select(name.label("name"), StoredObject.key, StoredObject.size)
        .where(StoredObject.touched_at < cutoff)
        .where(~select(Use.sha256).where(Use.sha256 == name).exists())
        .where(
            ~select(Upload.sha256)
            .where(Upload.sha256 == name, Upload.created_at >= cutoff)
            .exists()
        )
        .order_by(name)
    )
    for batch in _batches(database, unused):
        uses = delete(XorbUse).where(XorbUse.sha256.in_([row.name for row in batch]))
        removed = _remove(database, blobs, batch, [uses], StoredObject, dry_run=dry_run)
        done.objects += len(removed)
        done.bytes += sum(row.size for row in removed if row.key)


def _collect_xorbs(
    database: Database, blobs: Blobs, cutoff: int, done: Collected, *, dry_run: bool
) -> None:
    unused = (
        select(Xorb.hash.label("name"), Xorb.key, Xorb.size)
        .where(Xorb.touched_at < cutoff)
        .where(~select(XorbUse.xorb).where(XorbUse.xorb == Xorb.hash).exists())
        .order_by(Xorb.hash)
    )
    for batch in _batches(database, unused):
        removed = _remove(database, blobs, batch, [], Xorb, dry_run=dry_run)
        done.xorbs += len(removed)
        done.bytes += sum(row.size for row in removed)
    if done.xorbs and not dry_run:
        database.transact(renew_generation)


def _before(seconds: float) -> int:
    return now() - int(seconds * 1_000_000)


def _batches(database: Database, statement: Select[str, str, int]) -> Iterator[list[Any]]:
    """The rows of a query, in small lists; each list is read before anything is removed."""
    with database.read() as connection:
        rows = list(connection.execute(statement))
    yield from _batched(rows)


def _batched(items: Iterable[T]) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(itertools.islice(iterator, _BATCH)):
        yield batch


def _remove(
    database: Database,
    blobs: Blobs,
    batch: list[Any],
    before: list[Delete],
    table: type[StoredObject | Xorb],
    *,
    dry_run: bool,
) -> list[Any]:
    """Remove rows, then their files. A batch of which something came into use is left for later."""
    if dry_run:
        return batch
    column = StoredObject.sha256 if table is StoredObject else Xorb.hash
    try:
        with database.write() as session:
            for statement in before:
                session.execute(statement)
            session.execute(delete(table).where(column.in_([row.name for row in batch])))
    except HubUnavailableError:
        return []
    for row in batch:
        if row.key:
            blobs.storage.delete(row.key)
    return batch


def _remove_trees(database: Database, *, dry_run: bool) -> int:
    unused = ~select(Commit.tree).where(Commit.tree == Tree.oid).exists()
    with database.read() as connection:
        oids = list(connection.execute(select(Tree.oid).where(unused)).scalars())
    if oids and not dry_run:
        with database.write() as session:
            for start in range(0, len(oids), _BATCH):
                doomed = Tree.oid.in_(oids[start : start + _BATCH])
                # Asked once more while it is removed: a commit may have come to name it.
                session.execute(delete(Tree).where(doomed, unused))
    return len(oids)


def _orphans(database: Database, blobs: Blobs, grace_seconds: float) -> Iterator[StoredFile]:
    """Files that a crash left without a row, and parts of uploads that were given up."""
    deadline = time.time() - grace_seconds
    for family in ("objects", "xorbs"):
        old = (file for file in blobs.storage.files(family) if file.modified < deadline)
        for batch in _batched(old):
            with database.read() as connection:
                names = {file.key.rpartition("/")[2].partition("-")[0] for file in batch}
                if family == "objects":
                    statement = select(StoredObject.key).where(StoredObject.sha256.in_(names))
                else:
                    statement = select(Xorb.key).where(Xorb.hash.in_(names))
                known = set(connection.execute(statement).scalars())
            yield from (file for file in batch if file.key not in known)
    yield from (file for file in blobs.storage.files("parts") if file.modified < deadline)


def _clear_spool(spool: Path, grace_seconds: float) -> None:
    """Remove files that were being received when a server was killed."""
    deadline = time.time() - grace_seconds
    if spool.is_dir():
        for path in spool.iterdir():
            with contextlib.suppress(FileNotFoundError):  # what was received is moved away
                if path.is_file() and path.stat().st_mtime < deadline:
                    path.unlink()
