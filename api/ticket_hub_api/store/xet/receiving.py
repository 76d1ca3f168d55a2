"""Taking xorbs and shards in. Every chunk is hashed again, and every file rebuilt and hashed."""

from __future__ import annotations

import hashlib
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from ticket_hub.errors import StorageError
from ticket_hub.file_system import sync_file
from ticket_hub_api.store import objects
from ticket_hub_api.store.blobs import Received
from ticket_hub_api.store.tables import StoredObject, Xorb, XorbUse, now
from ticket_hub_api.store.xet.chunks import XetError, pack, scan
from ticket_hub_api.store.xet.hashing import Node, file_hash, range_hash, to_text
from ticket_hub_api.store.xet.reading import Stores, load_xorb, pack_terms, read_terms
from ticket_hub_api.store.xet.shards import ShardFile, read_shard

__all__ = ["take_shard", "take_xorb"]


def take_xorb(stores: Stores, claimed: str, received: Received) -> bool:
    """Store a xorb; False when it was here before.

    Raises:
        XetError: a chunk is damaged, or its hash is not the one it was sent under.
    """
    found = scan(received.path)
    if to_text(found.hash) != claimed:
        raise XetError(f"the xorb's hash is {to_text(found.hash)}, not {claimed}")
    # It may be here already, and about to be collected: touched, it stays until its file is
    # entered.
    if _touch(stores, claimed):
        return False
    # Keep the chunks only: what follows them is not checked by any hash.
    if received.size > found.size:
        with received.path.open("r+b") as stream:
            stream.truncate(found.size)
            sync_file(stream.fileno())
    # Bytes first, then the row: a row without bytes would be a hub that has lost something.
    key = stores.blobs.keep(received, name=claimed, family="xorbs")
    values = {"size": found.size, "sha256": found.sha256, "chunks": pack(found.chunks)}

    def enter(session: Session) -> bool:
        """Enter the xorb; whether it is new."""
        here = session.get(Xorb, claimed) is not None
        if not here:
            session.add(Xorb(hash=claimed, key=key, **values))
        return not here

    made = stores.database.transact(enter)
    if not made:
        # Another upload was faster, and its copy has the row.
        objects.drop(stores.blobs, key)
    return made


def _touch(stores: Stores, value: str) -> bool:
    """Whether a xorb is here; it is then kept from a collector for a while."""

    def touch(session: Session) -> bool:
        """Set its time, if it is here."""
        row = session.get(Xorb, value)
        if row is not None:
            row.touched_at = now()
        return row is not None

    return stores.database.transact(touch)


def take_shard(stores: Stores, repository_id: str, path: Path) -> int:
    """Enter the files of a shard, and return how many there were.

    Raises:
        XetError: the shard is damaged, names a xorb that is not here, or claims what is not so.
    """
    count = 0
    with path.open("rb") as stream:
        for file in read_shard(stream):
            _take_file(stores, repository_id, file)
            count += 1
    return count


def _take_file(stores: Stores, repository_id: str, file: ShardFile) -> None:
    nodes: list[Node] = []
    for term, proof in zip(file.terms, file.proofs, strict=True):
        xorb = load_xorb(stores, term.xorb)
        if xorb is None:
            raise XetError(f"the xorb {term.xorb} is not here; send it first")
        if not 0 <= term.start < term.stop <= len(xorb.chunks):
            raise XetError("a term names chunks that its xorb does not have")
        chunks = list(xorb.chunks[term.start : term.stop])
        if sum(chunk.length for chunk in chunks) != term.length:
            raise XetError("a term has another length than its chunks")
        if range_hash([chunk.hash for chunk in chunks]) != proof:
            raise XetError("the proof of a term is wrong")
        nodes.extend((chunk.hash, chunk.length) for chunk in chunks)
    if to_text(file_hash(nodes)) != file.hash:
        raise XetError("a file's hash is not that of its chunks")
    size, terms = sum(length for _, length in nodes), pack_terms(file.terms)
    # Rebuilt, since git and the manifests know files by sha256, and a Xet hash says nothing of it.
    sha256 = _known_sha256(stores, file.hash, size) or _rebuild(stores, terms, size)
    if file.sha256 and file.sha256 != sha256:
        raise XetError(f"a file's sha256 is {sha256}, not {file.sha256}")

    def enter(session: Session) -> None:
        """Enter the file, and that it was sent for this repository."""
        _enter(session, sha256, size, file, terms)
        objects.prove(session, repository_id, sha256)

    stores.database.transact(enter)


def _known_sha256(stores: Stores, value: str, size: int) -> str:
    """The sha256 of a file that was rebuilt before; its hash has just been proved again."""
    with stores.database.read() as connection:
        found = connection.scalar(
            select(StoredObject.sha256).where(
                StoredObject.xet_hash == value, StoredObject.size == size
            )
        )
    return found or ""


def _rebuild(stores: Stores, terms: bytes, size: int) -> str:
    digest = hashlib.sha256()
    try:
        for piece in read_terms(stores, terms, 0, size):
            digest.update(piece)
    except StorageError as error:
        raise XetError(f"a file cannot be rebuilt: {error.problem}") from error
    return digest.hexdigest()


def _enter(session: Session, sha256: str, size: int, file: ShardFile, terms: bytes) -> None:
    row = session.get(StoredObject, sha256)
    if row is None:
        row = StoredObject(sha256=sha256, size=size, key="")
        session.add(row)
    row.touched_at = now()
    # The first way to put a file together stays: its terms keep their xorbs from the collector.
    if not row.xet_hash:
        row.xet_hash, row.terms = file.hash, terms
        session.flush()
        for value in sorted({term.xorb for term in file.terms}):
            session.add(XorbUse(sha256=sha256, xorb=value))
    session.flush()
    for value in sorted({term.xorb for term in file.terms}):
        # Looked at within the transaction: a collector may have taken it since its chunks were
        # checked.
        xorb = session.get(Xorb, value)
        if xorb is None:
            raise XetError(f"the xorb {value} is not here; send it first")
        xorb.touched_at = now()
