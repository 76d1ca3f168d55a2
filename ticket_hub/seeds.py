"""The only source of randomness: seeds derived from a recipe's by name."""

from __future__ import annotations

import hashlib

__all__ = ["derive_seed"]


def derive_seed(seed: int, *stream: str | int) -> int:
    """A seed for one purpose, independent of all others.

    The only source of randomness: `derive_seed(seed, "order", level, epoch)` names a stream, so
    nothing has to be restored when a run resumes, and neither the number of workers nor the size
    of a stack can change it. It is the first 63 bits of the sha256 over the names.
    """
    text = "/".join(str(part) for part in (seed, *stream))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
