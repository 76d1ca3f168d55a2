"""Whether every content is there, whole, and what its name says."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.engine import Connection

from ticket_hub.errors import StorageError, TicketHubError
from ticket_hub_api.maintenance.findings import Damage
from ticket_hub_api.store.blobs import Blobs
from ticket_hub_api.store.database import Database
from ticket_hub_api.store.tables import StoredObject, Xorb, XorbUse
from ticket_hub_api.store.xet.chunks import unpack
from ticket_hub_api.store.xet.hashing import chunk_hash, to_text, tree_hash
from ticket_hub_api.store.xet.reading import read_chunks, read_terms, unpack_terms

__all__ = ["check_contents", "check_terms"]


@dataclass(frozen=True)
class _Stores:
    database: Database
    blobs: Blobs


def check_contents(database: Database, blobs: Blobs, *, full: bool) -> Iterator[Damage]:
    """What is missing or damaged, as (kind, name, problem)."""
    stores = _Stores(database, blobs)
    with database.read() as connection:
        xorbs = list(connection.execute(select(Xorb.hash).order_by(Xorb.hash)).scalars())
        statement = select(StoredObject.sha256).order_by(StoredObject.sha256)
        objects = list(connection.execute(statement).scalars())
    broken: set[tuple[str, str]] = set()
    for found in _check_sizes(stores):
        broken.add(found[:2])
        yield found
    if not full:
        return
    for value in xorbs:
        if ("xorb", value) in broken:
            continue
        problem = _xorb_problem(stores, value)
        if problem and _exists(database, Xorb.hash, value):
            yield "xorb", value, problem
    for sha256 in objects:
        if ("object", sha256) in broken:
            continue
        for problem in _object_problems(stores, sha256):
            if _exists(database, StoredObject.sha256, sha256):
                yield "object", sha256, problem


def check_terms(connection: Connection) -> Iterator[Damage]:
    """Every xorb from which a content takes chunks is there, and kept from the collector."""
    uses: dict[str, set[str]] = defaultdict(set)
    for row in connection.execute(select(XorbUse.sha256, XorbUse.xorb)):
        uses[row.sha256].add(row.xorb)
    statement = select(StoredObject.sha256, StoredObject.terms).where(StoredObject.xet_hash != "")
    for sha256, terms in connection.execute(statement.execution_options(yield_per=1000)):
        try:
            wanted = {term.xorb for term in unpack_terms(terms)}
        except StorageError as error:
            yield "object", sha256, error.problem
            continue
        for xorb in sorted(wanted - uses[sha256]):
            yield "object", sha256, f"takes chunks from the xorb {xorb}, which is not held for it"


def _exists(database: Database, column: object, value: str) -> bool:
    """Whether the row is still there; a collector may have removed it since it was listed."""
    table = Xorb if column is Xorb.hash else StoredObject
    name = Xorb.hash if table is Xorb else StoredObject.sha256
    with database.read() as connection:
        return connection.execute(select(name).where(name == value)).first() is not None


def _check_sizes(stores: _Stores) -> Iterator[Damage]:
    """Whether each file is there and has its size."""
    for family, name, table in (("objects", "object", StoredObject), ("xorbs", "xorb", Xorb)):
        column = StoredObject.sha256 if table is StoredObject else Xorb.hash
        with stores.database.read() as connection:
            rows = connection.execute(
                select(column, table.key, table.size).where(table.key != "")
            ).all()
        there = {file.key: file.size for file in stores.blobs.storage.files(family)}
        for value, key, size in rows:
            if there.get(key) != size and _exists(stores.database, column, value):
                problem = (
                    "is missing" if key not in there else f"has {there[key]} bytes, not {size}"
                )
                yield name, value, problem


def _xorb_problem(stores: _Stores, value: str) -> str:
    with stores.database.read() as connection:
        row = connection.execute(
            select(Xorb.key, Xorb.chunks, Xorb.size, Xorb.sha256).where(Xorb.hash == value)
        ).first()
    if row is None:
        return ""
    try:
        chunks = unpack(row.chunks)
        for problem in _compare(stores.blobs.read(row.key, 0, row.size), row.sha256, row.size):
            return problem
        hashes = [chunk_hash(data) for data in read_chunks(stores.blobs, row.key, chunks)]
    except (TicketHubError, ValueError, IndexError) as error:
        return _said(error)
    if hashes != [chunk.hash for chunk in chunks] or chunks[-1].stop != row.size:
        return "its chunks are not those that were entered"
    nodes = [(chunk.hash, chunk.length) for chunk in chunks]
    return "" if to_text(tree_hash(nodes)) == value else "its chunks are not those of its hash"


def _said(error: Exception) -> str:
    """What is wrong; the remedy, which is mostly this very check, is left out."""
    return error.problem if isinstance(error, TicketHubError) else str(error)


def _object_problems(stores: _Stores, sha256: str) -> Iterator[str]:
    with stores.database.read() as connection:
        row = connection.execute(
            select(
                StoredObject.key, StoredObject.size, StoredObject.terms, StoredObject.xet_hash
            ).where(StoredObject.sha256 == sha256)
        ).first()
    if row is None:
        return
    if row.key:
        yield from _compare(stores.blobs.read(row.key, 0, row.size), sha256, row.size)
    if row.xet_hash:
        yield from _compare(read_terms(stores, row.terms, 0, row.size), sha256, row.size)
    if not row.key and not row.xet_hash and row.size:
        yield "nothing says where it is"


def _compare(pieces: Iterator[bytes], sha256: str, size: int) -> Iterator[str]:
    digest, length = hashlib.sha256(), 0
    try:
        for piece in pieces:
            digest.update(piece)
            length += len(piece)
    except TicketHubError as error:
        yield _said(error)
        return
    if digest.hexdigest() != sha256 or length != size:
        yield "has changed on disk"
