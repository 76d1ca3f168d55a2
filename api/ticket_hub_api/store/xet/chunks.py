"""Chunks inside a xorb: an 8-byte header, then the bytes, compressed or not.

Header: version (1 byte, 0), stored length (3 bytes), scheme (1 byte), real length (3 bytes), all
little-endian. A chunk is at most 128 KiB. A footer may follow, which begins with `XETBLOB` where a
header would be; it is not needed, and not trusted.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import lz4.frame

from ticket_hub_api.store.xet.hashing import chunk_hash, tree_hash

__all__ = [
    "HEADER_BYTES",
    "MAX_CHUNK",
    "Chunk",
    "Scan",
    "XetError",
    "decode",
    "pack",
    "scan",
    "unpack",
]

HEADER_BYTES = 8
"""Before each chunk."""
MAX_CHUNK = 128 << 10
"""Bytes of a chunk as the format bounds them: nothing needs more memory at once."""
MAX_STORED = 2 * MAX_CHUNK
_FOOTER = b"XETBLOB"
_PLAIN, _LZ4, _GROUPED_LZ4 = 0, 1, 2
_ROW = struct.Struct("<32sQI")


class XetError(ValueError):
    """What was sent breaks the Xet formats, or is not what it claims to be."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Where a chunk lies in its xorb: `offset` is its header's, `stop` the next one's."""

    hash: bytes
    offset: int
    stop: int
    length: int


def decode(stored: bytes) -> bytes:
    """The bytes of one chunk, given header and body.

    Raises:
        XetError: it breaks the format.
    """
    version, scheme = stored[0], stored[4]
    length = int.from_bytes(stored[5:8], "little")
    claimed = int.from_bytes(stored[1:4], "little")
    # Before anything is decompressed: what a header claims bounds what is made of it.
    if version != 0 or not 0 < length <= MAX_CHUNK or claimed != len(stored) - HEADER_BYTES:
        raise XetError("a chunk's header is not valid")
    body = stored[HEADER_BYTES:]
    if scheme != _PLAIN:
        # At most one byte more than was promised, so that nothing can expand further.
        try:
            body = lz4.frame.LZ4FrameDecompressor().decompress(body, max_length=length + 1)
        except (RuntimeError, EOFError, ValueError) as error:
            raise XetError("a chunk cannot be decompressed") from error
    if len(body) != length:
        raise XetError("a chunk has another length than its header says")
    if scheme == _GROUPED_LZ4:
        # Undo the grouping of every fourth byte.
        result, start = bytearray(len(body)), 0
        for lane in range(4):
            count = (len(body) - lane + 3) // 4
            result[lane::4] = body[start : start + count]
            start += count
        return bytes(result)
    if scheme not in {_PLAIN, _LZ4}:
        raise XetError(f"there is no compression scheme {scheme}")
    return body


@dataclass(frozen=True)
class Scan:
    """A xorb that was received: its hash, its chunks, and the sha256 of the bytes they take."""

    hash: bytes
    chunks: list[Chunk]
    sha256: str

    @property
    def size(self) -> int:
        """The bytes that the chunks take; a footer behind them is not part of it."""
        return self.chunks[-1].stop


def scan(path: Path) -> Scan:
    """Check every chunk of a xorb that was received.

    Raises:
        XetError: it breaks the format.
    """
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        chunks = list(_chunks(stream, digest.update))
    if not chunks:
        raise XetError("a xorb without chunks")
    root = tree_hash([(chunk.hash, chunk.length) for chunk in chunks])
    return Scan(root, chunks, digest.hexdigest())


def _chunks(stream: IO[bytes], note: Callable[[bytes], None]) -> Iterator[Chunk]:
    offset = 0
    while header := stream.read(HEADER_BYTES):
        # No chunk begins so: its version would be the letter X.
        if header.startswith(_FOOTER):
            return
        if len(header) < HEADER_BYTES:
            raise XetError("a chunk's header is cut off")
        stored_length = int.from_bytes(header[1:4], "little")
        # Compression may enlarge a chunk, but not to twice its size; three bytes could claim 16
        # MiB.
        if stored_length > MAX_STORED:
            raise XetError("a chunk is too large")
        body = stream.read(stored_length)
        if len(body) < stored_length:
            raise XetError("a chunk is cut off")
        data = decode(header + body)
        note(header + body)
        stop = offset + HEADER_BYTES + stored_length
        yield Chunk(chunk_hash(data), offset, stop, len(data))
        offset = stop


def pack(chunks: list[Chunk]) -> bytes:
    """How the database holds the chunks of a xorb."""
    return b"".join(_ROW.pack(chunk.hash, chunk.stop, chunk.length) for chunk in chunks)


def unpack(data: bytes) -> list[Chunk]:
    """What `pack` wrote."""
    chunks, offset = [], 0
    for value, stop, length in _ROW.iter_unpack(data):
        chunks.append(Chunk(value, offset, stop, length))
        offset = stop
    return chunks
