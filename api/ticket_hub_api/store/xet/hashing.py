"""The hashes of the Xet protocol: keyed BLAKE3 over chunks, and a tree over their hashes.

The keys and the rule for cutting the tree are part of the published protocol
(huggingface.co/docs/xet/hashing). A hash is written as four little-endian 64-bit numbers in
hexadecimal, which is not the order of its bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from blake3 import blake3

__all__ = ["ZERO", "chunk_hash", "file_hash", "from_text", "range_hash", "to_text", "tree_hash"]

_CHUNK_KEY = bytes.fromhex("6697f5775b9550de3135cbaca597181c9de421109beb2b58b4d0b04b93adf229")
_NODE_KEY = bytes.fromhex("017ec5c7a5472996fd946666b48a02e65ddd536f37c76dd2f86352e64a53713f")
_RANGE_KEY = bytes.fromhex("7f1857d6ce56ed66127ff913e7a5c3f3a4cd26d5b5db49e64124987f28fb94c3")
ZERO = bytes(32)
"""The hash of nothing, and the key that a hash of files is made with."""
_BRANCHING = 4
_WIDEST = 2 * _BRANCHING + 1

Node = tuple[bytes, int]


def to_text(value: bytes) -> str:
    """How the protocol writes a hash."""
    return "".join(f"{number:016x}" for number in struct.unpack("<4Q", value))


def from_text(text: str) -> bytes:
    """The hash that the protocol writes so.

    Raises:
        ValueError: it is not 64 hexadecimal digits.
    """
    if len(text) != 64:  # noqa: PLR2004 - four numbers of 16 digits
        raise ValueError("a hash has 64 digits")
    return struct.pack("<4Q", *(int(text[at : at + 16], 16) for at in range(0, 64, 16)))


def chunk_hash(data: bytes) -> bytes:
    """The hash of a chunk's uncompressed bytes."""
    return blake3(data, key=_CHUNK_KEY).digest()


def range_hash(hashes: Sequence[bytes]) -> bytes:
    """Proof that a client knows the hashes of consecutive chunks."""
    return blake3(b"".join(hashes), key=_RANGE_KEY).digest()


def tree_hash(nodes: Sequence[Node]) -> bytes:
    """The root over (hash, length) pairs; of one pair its own hash, of none zeros."""
    level = list(nodes)
    if not level:
        return ZERO
    while len(level) > 1:
        merged, start = [], 0
        while start < len(level):
            stop = start + _cut(level[start : start + _WIDEST])
            children = level[start:stop]
            text = "".join(f"{to_text(value)} : {length}\n" for value, length in children)
            size = sum(length for _, length in children)
            merged.append((blake3(text.encode(), key=_NODE_KEY).digest(), size))
            start = stop
        level = merged
    return level[0][0]


def _cut(window: list[Node]) -> int:
    """How many of the next nodes share a parent: from the third on, a hash may end the group."""
    if len(window) <= 2:  # noqa: PLR2004 - a parent has at least two children
        return len(window)
    # The last of a hash's four numbers decides, and one in four ends a group: an insertion moves
    # the cuts next to it, and the rest of the tree stays as it was.
    for index in range(2, len(window)):
        if int.from_bytes(window[index][0][24:32], "little") % _BRANCHING == 0:
            return index + 1
    return len(window)


def file_hash(nodes: Sequence[Node]) -> bytes:
    """The hash of a file: the root over its chunks, keyed with zeros."""
    # Keyed once more, so that a file of a single chunk has another hash than that chunk.
    return blake3(tree_hash(nodes), key=ZERO).digest() if nodes else ZERO
