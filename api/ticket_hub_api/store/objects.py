"""Contents of files: who may name them, how they are registered, how they are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from ticket_hub_api.errors import ApiError, repository_not_found
from ticket_hub_api.store.blobs import Blobs, Received
from ticket_hub_api.store.repositories import Viewer, visible
from ticket_hub_api.store.tables import Repository, StoredObject, Upload, Use, now
from ticket_hub_api.store.xet.reading import Stores, read_terms

__all__ = ["Content", "FileAnswer", "may_name", "open_content", "prove", "register", "store"]


_BATCH = 500


@dataclass(frozen=True)
class Content:
    """A file's content, wherever it lies."""

    stores: Stores
    sha256: str
    size: int
    key: str
    terms: bytes
    xet_hash: str

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes from `start` up to `stop`."""
        if self.key or not self.size:
            return self.stores.blobs.read(self.key, start, stop) if self.key else iter(())
        return read_terms(self.stores, self.terms, start, stop)

    def head(self, length: int) -> bytes:
        """The first bytes, at most so many."""
        return b"".join(self.read(0, min(length, self.size)))


@dataclass(frozen=True, kw_only=True)
class FileAnswer:
    """A file that may be handed out.

    Attributes:
        repository, commit, path: where it lies; the repository by its id.
        etag: what clients name their cached copy by.
        large: whether it was sent as a large object.
        content: opens it at any place.
        xet_hash: by which a client fetches its chunks; empty where this hub has no Xet.
        body: all of it, when it is small.
    """

    repository: str
    commit: str
    path: str
    etag: str
    large: bool
    content: Content
    xet_hash: str
    body: bytes | None


def open_content(stores: Stores, database: Connection | Session, sha256: str) -> Content:
    """A content that some commit refers to.

    Raises:
        ApiError: 500 when the database has lost it, which `ticket hub fsck` explains.
    """
    row = database.execute(
        select(
            StoredObject.size, StoredObject.key, StoredObject.terms, StoredObject.xet_hash
        ).where(StoredObject.sha256 == sha256)
    ).first()
    if row is None:
        raise ApiError(500, "The hub has lost this file. Its operator should run a check.")
    return Content(stores, sha256, *row)


def may_name(
    database: Connection | Session, viewer: Viewer, repository_id: str, sha256: str
) -> StoredObject | None:
    """The object, when the caller has proved to know its content, else None.

    Whoever could name any digest in a commit could read any private file whose digest leaked. So
    the content must have been sent for this repository, or be in one that the caller may read.
    """
    sent = select(Upload.sha256).where(
        Upload.repository_id == repository_id, Upload.sha256 == sha256
    )
    seen = (
        select(Use.sha256)
        .join(Repository, Repository.id == Use.repository_id)
        .where(Use.sha256 == sha256, or_(Repository.id == repository_id, visible(viewer)))
    )
    found = database.execute(sent.union(seen).limit(1)).first()
    if found is None:
        return None
    row = database.execute(
        select(StoredObject.sha256, StoredObject.size).where(StoredObject.sha256 == sha256)
    ).first()
    return None if row is None else StoredObject(sha256=row.sha256, size=row.size)


def register(session: Session, contents: Mapping[str, tuple[int, str]]) -> set[str]:
    """Enter stored contents, given as sha256 -> size and key.

    All writers enter them in the same order, so that none waits for one who waits for it.

    Returns:
        The sha256 of those that are new; of the others another copy was entered before.
    """
    names, known = sorted(contents), set[str]()
    for start in range(0, len(names), _BATCH):
        some = StoredObject.sha256.in_(names[start : start + _BATCH])
        for row in session.scalars(select(StoredObject).where(some)):
            # A collector must leave it until the commit that names it is there.
            row.touched_at = now()
            known.add(row.sha256)
    fresh = [name for name in names if name not in known]
    for name in fresh:
        size, key = contents[name]
        session.add(StoredObject(sha256=name, size=size, key=key))
    session.flush()
    return set(fresh)


def prove(session: Session, repository_id: str, sha256: str) -> None:
    """Remember that this content was sent for this repository.

    Raises:
        ApiError: 404 when the repository was deleted meanwhile.
    """
    # Said here, since the foreign key would only say that something is missing.
    if session.get(Repository, repository_id) is None:
        raise repository_not_found(anonymous=False)
    row = session.get(Upload, (repository_id, sha256))
    if row is None:
        session.add(Upload(repository_id=repository_id, sha256=sha256))
    else:
        row.created_at = now()


def store(stores: Stores, repository_id: str, received: Received) -> None:
    """Store a received file and enter it; a copy that is there already is kept instead.

    Raises:
        StorageError: it could not be stored.
        ApiError: 404 when the repository was deleted meanwhile.
    """
    key = stores.blobs.keep(received)

    def enter(session: Session) -> bool:
        """Enter the content, and that it was sent; whether it is new."""
        fresh = register(session, {received.sha256: (received.size, key)})
        prove(session, repository_id, received.sha256)
        return bool(fresh)

    # Somebody entered the same content meanwhile: theirs is the copy that a row names.
    if not stores.database.transact(enter):
        drop(stores.blobs, key)


def drop(blobs: Blobs, key: str) -> None:
    """Remove a copy that no row names."""
    blobs.storage.delete(key)
