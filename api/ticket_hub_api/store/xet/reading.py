"""Giving a file back from its chunks."""

from __future__ import annotations

import bisect
import itertools
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from sqlalchemy import select

from ticket_hub.errors import StorageError
from ticket_hub_api.store.blobs import Blobs
from ticket_hub_api.store.database import Database
from ticket_hub_api.store.tables import Xorb
from ticket_hub_api.store.xet.chunks import Chunk, decode, unpack
from ticket_hub_api.store.xet.hashing import from_text, to_text

__all__ = [
    "StoredXorb",
    "Stores",
    "XetTerm",
    "load_xorb",
    "pack_terms",
    "read_terms",
    "unpack_terms",
]

_ROW = struct.Struct("<32sIIQ")
_READ_AHEAD = 1 << 20


class Stores(Protocol):
    """Where rows and bytes are."""

    @property
    def database(self) -> Database:
        """The rows."""
        ...

    @property
    def blobs(self) -> Blobs:
        """The bytes."""
        ...


@dataclass(frozen=True, slots=True)
class XetTerm:
    """A part of a file: the chunks `start` up to `stop` of a xorb, `length` bytes in all."""

    xorb: str
    start: int
    stop: int
    length: int


@dataclass(frozen=True, slots=True)
class StoredXorb:
    """A xorb that this hub has."""

    hash: str
    key: str
    chunks: Sequence[Chunk]


def pack_terms(terms: Sequence[XetTerm]) -> bytes:
    """How the database holds the terms of a file."""
    return b"".join(_ROW.pack(from_text(t.xorb), t.start, t.stop, t.length) for t in terms)


def unpack_terms(data: bytes) -> list[XetTerm]:
    """What `pack_terms` wrote.

    Raises:
        StorageError: it is damaged.
    """
    if len(data) % _ROW.size:
        raise StorageError(
            "What the database says of a file's chunks is damaged.", "Run `ticket hub fsck`."
        )
    return [XetTerm(to_text(row[0]), row[1], row[2], row[3]) for row in _ROW.iter_unpack(data)]


# By the bytes themselves: a file's terms name the same few xorbs again and again.
@lru_cache(maxsize=32)
def _unpack_cached(data: bytes) -> tuple[Chunk, ...]:
    return tuple(unpack(data))


def load_xorb(stores: Stores, value: str) -> StoredXorb | None:
    """A xorb by its hash, or None."""
    with stores.database.read() as connection:
        row = connection.execute(select(Xorb.key, Xorb.chunks).where(Xorb.hash == value)).first()
    return None if row is None else StoredXorb(value, row.key, _unpack_cached(row.chunks))


def read_terms(stores: Stores, terms: bytes, start: int, stop: int) -> Iterator[bytes]:
    """The bytes of a file from `start` up to `stop`.

    Raises:
        StorageError: a xorb is missing or damaged.
    """
    position = 0
    for term in unpack_terms(terms):
        begin, end = position, position + term.length
        position = end
        if end <= start:
            continue
        if begin >= stop:
            return
        xorb = load_xorb(stores, term.xorb)
        if xorb is None:
            raise StorageError(f"The xorb {term.xorb} is missing.", "Run `ticket hub fsck`.")
        chunks, begin = _needed(xorb.chunks[term.start : term.stop], begin, start, stop)
        yield from _clip(read_chunks(stores.blobs, xorb.key, chunks), begin, start, stop)


def _needed(
    chunks: Sequence[Chunk], position: int, start: int, stop: int
) -> tuple[Sequence[Chunk], int]:
    """The chunks that hold any of the bytes, and where the first of them begins."""
    ends = list(itertools.accumulate((chunk.length for chunk in chunks), initial=position))
    first = bisect.bisect_right(ends, start) - 1 if start > position else 0
    last = bisect.bisect_left(ends, stop)
    return chunks[first:last], ends[first]


def read_chunks(blobs: Blobs, key: str, chunks: Sequence[Chunk]) -> Iterator[bytes]:
    """The bytes of consecutive chunks, one piece for each.

    Raises:
        StorageError: they are missing or damaged.
    """
    for group in _groups(chunks):
        base = group[0].offset
        # In one piece: each read of a remote storage is a request of its own.
        stored = b"".join(blobs.read(key, base, group[-1].stop))
        for chunk in group:
            try:
                yield decode(stored[chunk.offset - base : chunk.stop - base])
            except ValueError as error:
                raise StorageError(
                    f"{key} is damaged: {error}.", "Run `ticket hub fsck`."
                ) from error


def _groups(chunks: Sequence[Chunk]) -> Iterator[list[Chunk]]:
    """Neighbours that are read at once."""
    group: list[Chunk] = []
    for chunk in chunks:
        # So that no more than a mebibyte and a chunk is in memory for a reader, however slow.
        if group and chunk.stop - group[0].offset > _READ_AHEAD:
            yield group
            group = []
        group.append(chunk)
    if group:
        yield group


def _clip(pieces: Iterator[bytes], position: int, start: int, stop: int) -> Iterator[bytes]:
    """Only what lies from `start` up to `stop`, when the first piece lies at `position`."""
    for piece in pieces:
        begin, end = position, position + len(piece)
        position = end
        if end <= start:
            continue
        if begin >= stop:
            return
        yield piece[max(0, start - begin) : stop - begin]
