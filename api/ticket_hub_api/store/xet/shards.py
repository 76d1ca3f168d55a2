"""Shards: what a client says about the files it sent in xorbs. Nothing in them is believed.

Layout: a 48-byte header (tag, version 2, length of the footer), then records of 48 bytes. A file
is a head (hash, flags, number of terms, 8 unused bytes), its terms (xorb, flags, bytes, first
chunk, chunk behind the last), a proof for each term, and perhaps a record with a sha256. A head of
all ones ends the list. What follows describes xorbs and is not needed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from ticket_hub_api.store.xet.chunks import XetError
from ticket_hub_api.store.xet.hashing import to_text
from ticket_hub_api.store.xet.reading import XetTerm

__all__ = ["ShardFile", "read_shard"]

_TAG = b"HFRepoMetaData\0" + bytes.fromhex("556967456a7b815783a5bdd95ccdd14aa9")
_HEADER = struct.Struct("<32sQQ")
_RECORD = 48
_HEAD = struct.Struct("<32sII8x")
_TERM = struct.Struct("<32sIIII")
_DIGEST = struct.Struct("<32s16x")
_END = b"\xff" * 32
_HAS_PROOFS, _HAS_SHA256 = 1 << 31, 1 << 30
MAX_TERMS = 1 << 20


@dataclass(frozen=True)
class ShardFile:
    """A file as a shard describes it: its hash, its terms, a proof for each term."""

    hash: str
    terms: list[XetTerm]
    proofs: list[bytes]
    sha256: str


def read_shard(stream: IO[bytes]) -> Iterator[ShardFile]:
    """The files of a shard.

    Raises:
        XetError: it breaks the format.
    """
    tag, version, _ = _HEADER.unpack(_take(stream, _HEADER.size))
    if tag != _TAG or version != 2:  # noqa: PLR2004 - the only version there is
        raise XetError("this is no shard of version 2")
    while True:
        value, flags, count = _HEAD.unpack(_take(stream, _RECORD))
        if value == _END:
            return
        # Without proofs, whoever knew a xorb's hash could have its chunks put into a file of their
        # own.
        if not flags & _HAS_PROOFS:
            raise XetError("a file comes without proofs")
        if count > MAX_TERMS:
            raise XetError("a file has too many terms")
        terms = [_term(_take(stream, _RECORD)) for _ in range(count)]
        proofs = [_DIGEST.unpack(_take(stream, _RECORD))[0] for _ in range(count)]
        sha256 = ""
        if flags & _HAS_SHA256:
            sha256 = to_text(_DIGEST.unpack(_take(stream, _RECORD))[0])
        yield ShardFile(to_text(value), terms, proofs, sha256)


def _term(record: bytes) -> XetTerm:
    xorb, _, length, start, stop = _TERM.unpack(record)
    return XetTerm(to_text(xorb), start, stop, length)


def _take(stream: IO[bytes], length: int) -> bytes:
    data = stream.read(length)
    if len(data) < length:
        raise XetError("the shard is cut off")
    return data
