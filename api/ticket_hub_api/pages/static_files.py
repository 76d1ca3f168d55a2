"""Style sheet, scripts and icon: read once, named by their content, cached for ever."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

__all__ = ["StaticFile", "address_of", "static_files"]

PREFIX = "/static/"
_MEDIA_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
}


@dataclass(frozen=True, kw_only=True)
class StaticFile:
    """A file that every page may ask for.

    Attributes:
        name: with the first 16 digits of its sha256 before the suffix: a change gives a new name.
        media_type: what browsers take it for.
    """

    name: str
    media_type: str
    body: bytes


@cache
def static_files() -> dict[str, StaticFile]:
    """Every static file by its name in the package."""
    found = {}
    for item in (files("ticket_hub_api.pages") / "static").iterdir():
        stem, _, suffix = item.name.rpartition(".")
        if suffix not in _MEDIA_TYPES:
            continue
        body = item.read_bytes()
        name = f"{stem}.{hashlib.sha256(body).hexdigest()[:16]}.{suffix}"
        found[item.name] = StaticFile(name=name, media_type=_MEDIA_TYPES[suffix], body=body)
    return found


def address_of(name: str) -> str:
    """Where a static file is.

    Raises:
        KeyError: there is none of that name.
    """
    return PREFIX + static_files()[name].name


@cache
def by_address() -> dict[str, StaticFile]:
    """Every static file by its name with the digest."""
    return {each.name: each for each in static_files().values()}
