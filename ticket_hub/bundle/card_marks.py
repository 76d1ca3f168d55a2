"""What a card is known by: its seal, and the tags by which hubs list it."""

from __future__ import annotations

import hashlib
import re

__all__ = ["card_tag", "has_seal", "is_generated", "sealed"]

_SEAL = re.compile(rb"<!-- Written by Ticket Hub\. sha256:([0-9a-f]{64}) -->\n\Z")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def sealed(text: str) -> bytes:
    """A card with the seal by which a later write knows that nobody has edited it since."""
    body = text.encode()
    digest = hashlib.sha256(body).hexdigest()
    return body + f"<!-- Written by Ticket Hub. sha256:{digest} -->\n".encode()


def is_generated(data: bytes) -> bool:
    """Whether a README.md is a sealed card; a card that was edited belongs to the user."""
    seal = _SEAL.search(data)
    return seal is not None and hashlib.sha256(data[: seal.start()]).hexdigest().encode() == seal[1]


def has_seal(data: bytes) -> bool:
    """Whether a README.md was a card once: one that a user wrote alone has no seal."""
    return _SEAL.search(data) is not None


def card_tag(text: str) -> str:
    """A name as hubs take tags: letters, digits, `.`, `_` and `-`."""
    return "-".join(_WORD.findall(text)) or "other"
