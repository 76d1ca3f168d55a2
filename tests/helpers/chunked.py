"""A file as a client of the chunk store sends it: a xorb with its chunks, and a shard."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from typing import Any

from ticket_hub_api.store.xet.hashing import chunk_hash, file_hash, range_hash, tree_hash

TAG = b"HFRepoMetaData\0" + bytes.fromhex("556967456a7b815783a5bdd95ccdd14aa9")


@dataclass(frozen=True)
class Sent:
    """A file of two chunks, as a client would send it."""

    one: bytes
    two: bytes

    @property
    def content(self) -> bytes:
        return self.one + self.two

    @property
    def nodes(self) -> list[tuple[bytes, int]]:
        return [(chunk_hash(chunk), len(chunk)) for chunk in (self.one, self.two)]

    @property
    def xorb(self) -> bytes:
        return b"".join(
            b"\0" + len(c).to_bytes(3, "little") + b"\0" + len(c).to_bytes(3, "little") + c
            for c in (self.one, self.two)
        )

    @property
    def xorb_hash(self) -> bytes:
        return tree_hash(self.nodes)

    def shard(self, **wrong: Any) -> bytes:  # noqa: ANN401 - a field of any type
        """The shard of this file; a keyword makes one field wrong."""
        digest = hashlib.sha256(self.content).digest()
        right = {
            "file": file_hash(self.nodes), "xorb": self.xorb_hash, "length": len(self.content),
            "start": 0, "stop": 2, "proof": range_hash([value for value, _ in self.nodes]),
            "sha256": struct.pack("<4Q", *struct.unpack(">4Q", digest)),
        }  # fmt: skip
        f = right | wrong
        return (
            TAG + struct.pack("<QQ", 2, 0)
            + struct.pack("<32sII8x", f["file"], 3 << 30, 1)
            + struct.pack("<32sIIII", f["xorb"], 0, f["length"], f["start"], f["stop"])
            + struct.pack("<32s16x", f["proof"]) + struct.pack("<32s16x", f["sha256"])
            + b"\xff" * 48
        )  # fmt: skip
