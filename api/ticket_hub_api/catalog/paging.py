"""Cursors: where a list goes on, valid for one question only."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
from dataclasses import asdict
from typing import Any

from ticket_hub.durable import canonical_json
from ticket_hub.errors import HubError

__all__ = ["CursorError", "decode_cursor", "encode_cursor"]

MAX_SIZE = 1 << 63


class CursorError(HubError, ValueError):
    """A cursor that this hub did not give, or gave for another question."""

    def __init__(self, problem: str = "", remedy: str = "") -> None:
        """Say so in one way."""
        super().__init__(
            problem or "This cursor was not given by this hub for these filters and this order.",
            remedy or "Begin again without a cursor.",
        )


def encode_cursor(question: Any, *place: object) -> str:  # noqa: ANN401 - a frozen dataclass
    """A place in the answer to a question, as URL-safe text."""
    text = json.dumps([_digest(question), *place], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(cursor: str, question: Any, *, parts: int = 2) -> list[Any]:  # noqa: ANN401 - a frozen dataclass
    """The parts of a place: numbers in the databases' range, or short texts.

    Raises:
        CursorError: it was made for another question, or not here.
    """
    place: list[Any]
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        digest, *place = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, TypeError, binascii.Error, RecursionError) as error:
        raise CursorError from error
    if digest != _digest(question) or len(place) != parts or not all(map(_is_plain, place)):
        raise CursorError
    return place


def _is_plain(value: object) -> bool:
    if isinstance(value, str):
        # PostgreSQL takes no text with a zero byte.
        return len(value) <= 300 and "\0" not in value  # noqa: PLR2004 - the longest key
    if isinstance(value, float):
        return math.isfinite(value)
    # By its type: to `isinstance` True is an int.
    return type(value) is int and abs(value) < MAX_SIZE


def _digest(question: Any) -> str:  # noqa: ANN401 - a frozen dataclass
    return hashlib.sha256(canonical_json(asdict(question))).hexdigest()[:12]
