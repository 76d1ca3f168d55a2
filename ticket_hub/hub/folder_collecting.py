"""Removing what nothing refers to from a hub in a folder, beside pushes from other machines.

No lock keeps a push out. What makes it safe: a push makes every blob that it is going to name look
new, and stores again whatever is missing after its commit is out; the collector takes only what is
older than a grace, by the clock of the file system itself, and reads all commits a second time
between choosing and removing.
"""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ticket_hub.errors import HubError, StorageError, TicketHubError
from ticket_hub.hub.address import check_repo
from ticket_hub.hub.folder import FolderHub
from ticket_hub.hub.folder_files import CommitHistory, read_commit
from ticket_hub.patterns import SHA256

__all__ = ["GRACE_SECONDS", "CollectedFolder", "collect_folder"]

GRACE_SECONDS = 24 * 3600.0
"""What was written within this time stays: a push may be about to refer to it."""
_DRAFT = re.compile(r"\..+\.[0-9a-f]{12}\.(?:part|draft)")
_GRAVE = re.compile(r"\..+\.deleted-[0-9a-f]{12}")


@dataclass(frozen=True, kw_only=True)
class CollectedFolder:
    """What was removed, or would be.

    Attributes:
        blobs: contents that no commit names.
        leftovers: files of pushes that were interrupted.
        repositories: what deletions that were interrupted have left.
        bytes: that become free.
    """

    blobs: int
    leftovers: int
    repositories: int
    bytes: int


def collect_folder(
    hub: FolderHub, *, grace_seconds: float = GRACE_SECONDS, dry_run: bool = False
) -> CollectedFolder:
    """Remove what interrupted pushes and deletions have left, and blobs that no commit names.

    Args:
        grace_seconds: what was written or pushed within this time stays.
        dry_run: count only.

    Raises:
        HubError: there is no such folder; or a commit is damaged, so that nobody knows which blobs
            it names: then all blobs stay, and the rest is removed.
        StorageError: the folder may not be written.
    """
    hub.refuse_absent()
    try:
        root = hub.root
        before = _now(root) - grace_seconds
        repositories = [
            each for each in (root / "repos").glob("*/.*") if _GRAVE.fullmatch(each.name)
        ]
        drafts = [path for path in _drafts(root) if _time(path) < before]
        freed = sum(map(_size, [*repositories, *drafts]))
        if not dry_run:
            for grave in repositories:
                shutil.rmtree(grave, ignore_errors=True)
            for path in drafts:
                path.unlink(missing_ok=True)
        # One damaged commit of a repository stops here: what it names would be collected otherwise.
        named = _named(root)
        blobs = (path for path in (root / "blobs").glob("*/*") if SHA256.fullmatch(path.name))
        old = [path for path in blobs if path.name not in named and _time(path) < before]
        named = _named(root) if old and not dry_run else named  # a push may have finished meanwhile
        removed = 0
        for path in old:
            if path.name in named or _time(path) >= before:
                continue
            removed, freed = removed + 1, freed + _size(path)
            if not dry_run:
                path.unlink(missing_ok=True)
        return CollectedFolder(
            blobs=removed, leftovers=len(drafts), repositories=len(repositories), bytes=freed
        )
    except TicketHubError:
        raise
    except OSError as error:
        raise StorageError(
            f"{error.filename or hub.root} could not be removed: {error.strerror or error}.",
            "Check the folder's owner and permissions, then run the same command again.",
        ) from error


def _named(root: Path) -> set[str]:
    """The digests that any commit names, also one in a folder that is no repository's."""
    named: set[str] = set()
    for history in (root / "repos").glob("*/*/history"):
        for path in history.glob("*.json"):
            try:
                named |= {digest for digest, _ in read_commit(path)["files"].values()}
            except TicketHubError as error:
                place = history.parent
                if path.is_file() and path in CommitHistory(place).files() and _is_repo(place):
                    raise HubError(
                        f"{error.problem} Nobody knows which blobs it names, so all of them stay.",
                        error.remedy,
                    ) from error
                named |= _words(path)
    return named


def _words(path: Path) -> set[str]:
    """Whatever looks like a digest in a file that is no commit, such as a copy of one."""
    try:
        return set(SHA256.findall(path.read_text("utf-8", errors="replace")))
    except OSError:
        return set()


def _is_repo(place: Path) -> bool:
    try:
        check_repo(f"{place.parent.name}/{place.name}")
    except TicketHubError:
        return False
    return True


def _drafts(root: Path) -> Iterator[Path]:
    for folder in ("", "blobs/*/", "repos/*/*/history/", "repos/*/*/tags/"):
        yield from (path for path in root.glob(f"{folder}.*") if _DRAFT.fullmatch(path.name))


def _time(path: Path) -> float:
    """When a file was written or pushed last; one that is gone is as new as can be."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(map(_size, path.iterdir()))
    return path.stat().st_size if path.is_file() else 0


def _now(root: Path) -> float:
    """The time by the clock that gives files theirs, which on a share is another machine's."""
    mark = root / f".now.{secrets.token_hex(6)}.part"
    mark.touch()
    try:
        return mark.stat().st_mtime
    finally:
        mark.unlink(missing_ok=True)
