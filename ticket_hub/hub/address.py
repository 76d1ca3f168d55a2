"""Where a ticket is: a folder, `builtin:NAME`, or `owner/name[@revision]`; each with `[:level]`."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

from ticket_hub.bundle.layout import MANIFEST
from ticket_hub.errors import HubNotFoundError, StorageError, TicketNotFoundError
from ticket_hub.home import expanded
from ticket_hub.hub.builtin import BUILTIN, builtin_folder

__all__ = [
    "Address",
    "PlaceLike",
    "check_repo",
    "check_revision",
    "is_repo",
    "named_place",
    "named_places",
    "parse_address",
    "split_level",
]

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9])?"
_REPO = re.compile(rf"{_NAME}/{_NAME}")
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,254}")
_ONE = r"(?:best|[0-9]+|d(?:0?\.[0-9]{1,12}|1(?:\.0{1,12})?))"
_LEVEL = re.compile(rf"all|{_ONE}(?:,{_ONE})*")


@dataclass(frozen=True, kw_only=True)
class Address:
    """A parsed address; either `folder` or `repo` is set.

    Attributes:
        folder: of a bundle on this machine.
        repo: `owner/name` on a hub.
        revision: branch, tag or commit; None is the hub's default branch.
        level: a number, `d0.036`, `best`, several (`3,7`), or `all`; None where none was given.
    """

    folder: Path | None = None
    repo: str | None = None
    revision: str | None = None
    level: str | None = None


class _Loaded(Protocol):
    """A ticket that was read from a bundle."""

    @property
    def folder(self) -> Path | None:
        """Of the bundle."""

    @property
    def level(self) -> int:
        """Its level there."""


PlaceLike: TypeAlias = str | os.PathLike[str] | _Loaded
"""What functions take where commands take the name of a place: that name, a path, what `find`,
`retrain` or `pull_bundle` gave, or a ticket, which stands for its level."""


def named_place(place: PlaceLike) -> str:
    """The name of a place, as commands take it.

    Raises:
        TicketNotFoundError: it is none, or a ticket that lies in no bundle on this machine.
    """
    if isinstance(place, str | os.PathLike):
        return os.fspath(place)
    folder, level = getattr(place, "folder", None), getattr(place, "level", None)
    if isinstance(folder, Path) and isinstance(level, int):
        return f"{folder}:{level}"
    raise TicketNotFoundError(
        f"A {type(place).__name__} names no ticket on this machine.",
        "Give the folder of a run or a bundle, owner/name, or what `find`, `retrain` or "
        "`pull_bundle` gave.",
    )


def named_places(places: PlaceLike | Sequence[PlaceLike]) -> list[str]:
    """The names of one place or of several.

    Raises:
        TicketNotFoundError: as `named_place`.
    """
    if isinstance(places, Sequence) and not isinstance(places, str):
        return [named_place(each) for each in places]
    return [named_place(places)]


def parse_address(text: str) -> Address:
    """Take an address apart.

    What comes with the package is the folder that it lies in. A folder that holds a bundle is
    taken for that, wherever an id could stand too. Of a path that does not exist, everything that
    looks like a path (`./x`, `/x`, `~/x`) is a folder, too.

    Raises:
        TicketNotFoundError: it is no address, or the folder holds no bundle.
        HubNotFoundError: the revision cannot be the name of one.
    """
    place, level = split_level(text)
    folder = builtin_folder(place) or _folder(place)
    if (folder / MANIFEST).is_file():
        return Address(folder=folder, level=level)
    if place.startswith((".", "/", "~")) or folder.is_dir():
        raise TicketNotFoundError(
            f"There is no bundle in {place}: it has no {MANIFEST}.",
            "Give the folder that `ticket find` names, or owner/name for a ticket on a hub.",
        )
    repo, _, revision = place.partition("@")
    check_repo(repo)
    if revision:
        check_revision(revision)
    elif place.endswith("@"):
        check_revision("")
    return Address(repo=repo, revision=revision or None, level=level)


def check_repo(repo: str) -> None:
    """Refuse what cannot be the name of a repository.

    Raises:
        TicketNotFoundError: it is not `owner/name`.
    """
    if not is_repo(repo):
        raise TicketNotFoundError(
            f"{repo!r} is neither a folder with a bundle nor the name of a ticket.",
            "Write owner/name[@revision][:level], with letters, digits, '-', '_' and '.'.",
        )


def is_repo(text: str) -> bool:
    """Whether a text can be the name of a repository, `owner/name`."""
    named = _REPO.fullmatch(text) is not None
    return named and ".." not in text and "--" not in text and not text.endswith(".git")


def check_revision(revision: str) -> None:
    """Refuse what cannot be a branch, tag or commit.

    Raises:
        HubNotFoundError: it is not a name, such as `../main`.
    """
    if not _REVISION.fullmatch(revision) or ".." in revision or "//" in revision:
        raise HubNotFoundError(
            f"{revision!r} cannot be a revision.", "Give a branch, a tag, or a commit."
        )


def _folder(place: str) -> Path:
    """The path that a text is, with `~` as the shell has it."""
    try:
        return expanded(place)
    except StorageError:  # `~somebody` who has no home
        return Path(place)


def split_level(text: str) -> tuple[str, str | None]:
    """A name or a path, and the level behind its last colon; None where there is none.

    What exists under the whole text is that, whatever colons it has.

    Raises:
        TicketNotFoundError: what stands behind the colon cannot be a level.
    """
    kind, rest = (BUILTIN, text.removeprefix(BUILTIN)) if text.startswith(BUILTIN) else ("", text)
    place, colon, level = rest.rpartition(":")
    if not colon or {"/", "\\"} & set(level) or _folder(text).exists():
        return text, None
    if level and not _LEVEL.fullmatch(level):
        raise TicketNotFoundError(
            f"{level[:80]!r} is no level.",
            "A level is a number (:7), several (:3,7), a density (:d0.036), :best or :all.",
        )
    return f"{kind}{place}", level or None
