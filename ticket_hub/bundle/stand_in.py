"""What lies where a file should be: a pointer to it, a web page, the beginning of a download."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["HEAD_BYTES", "StandIn", "stand_in"]

HEAD_BYTES = 512
"""As much of a file's beginning as `stand_in` looks at."""

_PAGE = re.compile(rb"\s*(<!doctype\s+html|<html|<head|<body)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class StandIn:
    """What a file is instead of what its name says.

    Attributes:
        what: as the end of a sentence that begins with the file's name and "is".
        remedy: how to get the file itself.
    """

    what: str
    remedy: str


_POINTERS = {
    b"version https://git-lfs.github.com/spec/": StandIn(
        what="a pointer of Git LFS, which says where the file is and does not hold it",
        remedy="Fetch the file itself: `git lfs install`, then `git lfs pull` in that clone.",
    ),
    b"/annex/objects/": StandIn(
        what="a pointer of git-annex, which says where the file is and does not hold it",
        remedy="Fetch the file itself: `git annex get` in that clone.",
    ),
}


def stand_in(head: bytes) -> StandIn | None:
    """What a file is instead of itself, by its first `HEAD_BYTES`; None where nothing is seen.

    To be asked only of files that are not what they should be: a page is a fine `page.html`.
    """
    if not head:
        return StandIn(what="empty", remedy="Fetch it again: a download ended before it began.")
    for start, found in _POINTERS.items():
        if head.startswith(start):
            return found
    if _PAGE.match(head):
        return StandIn(
            what="a web page",
            remedy="Fetch the file itself, not the page about it: the address of the file has "
            "`resolve` where that of the page has `blob` (or `raw`, on GitHub). A page may also "
            "ask you to sign in.",
        )
    if head.lstrip().startswith(b"<?xml"):
        return StandIn(
            what="XML, as a store of files sends with an error",
            remedy="Open it as text, and fetch the file again.",
        )
    if not head.strip(b"\x00"):
        return StandIn(
            what="zeros at its beginning, as of a download that was given its size and no bytes",
            remedy="Fetch it again.",
        )
    return None
