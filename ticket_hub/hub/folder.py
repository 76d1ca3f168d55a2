"""A hub in a folder: a laptop, or a share that a whole lab mounts.

    hub.json                                   {"format": 1}
    blobs/<first two>/<sha256>                 immutable, mode 0444, kept once for all repositories
    repos/<owner>/<name>/history/<n>.json      parent, message, date, path -> (sha256, size)
    repos/<owner>/<name>/tags/<tag>.json       written once, never moved

A commit is published by linking its file to the next free number (or renaming it, where there are
no links). That fails where the number exists, on network file systems too: of two pushes exactly
one wins, without a lock that a dead client could leave behind.
"""

from __future__ import annotations

import secrets
import shlex
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ticket_hub.bundle.layout import MANIFEST
from ticket_hub.durable import sha256_file, sync_folder, write_json
from ticket_hub.errors import (
    HubConflictError,
    HubError,
    HubNotFoundError,
    StorageError,
    TicketHubError,
)
from ticket_hub.hub.address import check_repo, check_revision
from ticket_hub.hub.base import Pushed, RemoteFile, Report, Snapshot
from ticket_hub.hub.folder_blobs import FolderBlobs
from ticket_hub.hub.folder_files import CommitHistory, publish, read_tag, timestamp

__all__ = ["FolderHub"]

MARKER = "hub.json"


class FolderHub:
    """A hub in a folder; see the module for its layout.

    Raises:
        HubError: the folder exists and is something else.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.location = str(root)
        self.blobs = FolderBlobs(root / "blobs")
        if root.exists() and not root.is_dir():
            raise HubError(f"{root} is a file, and no hub.", "Give the folder of a hub.")
        if root.exists() and not (root / MARKER).is_file() and any(root.iterdir()):
            raise HubError(
                f"{root} is not a hub: it has files, but no {MARKER}.",
                "Give the folder of a hub, or an empty or new one.",
            )

    def url(self, repo: str) -> str:
        """The folder of a repository."""
        return str(self._place(repo))

    def snapshot(self, repo: str, revision: str | None = None) -> Snapshot:
        """The repository at a tag or commit; None and `main` are the newest commit."""
        commit = self._find(repo, revision)
        return Snapshot(
            repo=repo,
            commit=commit["id"],
            files=tuple(
                RemoteFile(path=path, size=size, sha256=digest)
                for path, (digest, size) in sorted(commit["files"].items())
            ),
        )

    def read(self, snapshot: Snapshot, path: str, *, limit: int) -> bytes:
        """A small file as a whole."""
        name = f"{path} of {snapshot.repo}"
        data = self.blobs.read(_digest(snapshot, path), name, limit=limit)
        if len(data) > limit:
            raise HubError(
                f"{path} of {snapshot.repo} has more than {limit} bytes.",
                "A bundle's own files are smaller; this is not a bundle of Ticket Hub.",
            )
        return data

    def download(
        self, snapshot: Snapshot, path: str, target: Path, *, offset: int, most: int
    ) -> None:
        """Append the file's bytes from `offset` on to `target`."""
        name = f"{path} of {snapshot.repo}"
        with target.open("ab") as goal:
            goal.truncate(offset)
            for piece in self.blobs.pieces(_digest(snapshot, path), name, offset):
                offset += len(piece)
                if offset > most:
                    raise HubError(
                        f"{name} is larger than its manifest says.", "Ask its owner about it."
                    )
                goal.write(piece)

    def push(
        self,
        repo: str,
        files: Sequence[tuple[str, Path]],
        *,
        delete: Sequence[str] = (),
        message: str,
        parent: str | None,
        private: bool | None = None,
        create_pr: bool = False,
    ) -> Pushed:
        """One commit; see `Hub.push`. Who may read it is decided by the file system.

        Raises:
            HubError: a pull request was asked for, which a folder cannot keep.
            HubConflictError: the head is not `parent`.
            StorageError: the disk is full, or the folder may not be written.
        """
        del private
        check_repo(repo)
        if create_pr:
            raise HubError("A hub in a folder has no pull requests.", "Push without --create-pr.")
        history = self._history(repo)
        head = history.newest()
        digests = {path: sha256_file(source) for path, source in files}
        fresh = {path: [digests[path], source.stat().st_size] for path, source in files}
        # A push whose answer was lost is sent again, and finds its own commit at the head.
        base = head if (head["id"] if head else None) == parent else history.before(head)
        if (base["id"] if base else None) != parent:
            raise _conflict(repo)
        kept = base["files"] if base else {}
        entries = {path: entry for path, entry in kept.items() if path not in delete} | fresh
        if base is not head and head and entries != head["files"]:
            raise _conflict(repo)
        # Before the first blob: a folder with files and no marker is taken for something else.
        if not (self.root / MARKER).is_file():
            write_json(self.root / MARKER, {"format": 1})
        # Contents before the commit that names them: whoever reads the commit finds all of its
        # files.
        uploaded = [path for path, source in files if self.blobs.store(source, digests[path])]
        # The answer to the first sending was lost: its commit is the answer to this one too.
        unchanged = head is not None and entries == head["files"]
        commit = str(head["id"]) if head and unchanged else history.add(head, entries, message)
        if commit is None:
            raise _conflict(repo)
        for path, source in files:  # a collector may have taken one before the commit named it
            if not self.blobs.holds(digests[path]):
                self.blobs.store(source, digests[path])
        return Pushed(repo=repo, commit=commit, url=self.url(repo), uploaded=tuple(uploaded))

    def repositories(
        self,
        *,
        owner: str | None = None,
        tags: Sequence[str] = (),
        report: Report | None = None,
    ) -> Iterator[str]:
        """Every repository whose newest commit holds a ticket, newest first; tags are not kept."""
        del tags
        self.refuse_absent()
        found = []
        for history in (self.root / "repos").glob("*/*/history"):
            place = history.parent
            repo = f"{place.parent.name}/{place.name}"
            if owner not in {None, place.parent.name} or place.name.startswith("."):
                continue  # a dot: what a deletion has left
            try:
                check_repo(repo)
                head = CommitHistory(place).newest()
            except HubNotFoundError:  # deleted at this moment
                continue
            except TicketHubError as error:
                if report:
                    report(_passed_over(place, error))
                continue
            if head and MANIFEST in head["files"]:
                found.append((head["date"], repo))
        yield from (repo for _, repo in sorted(found, reverse=True))

    def tags(self, repo: str, *, report: Report | None = None) -> dict[str, str]:
        """Tag -> commit."""
        self._find(repo, None)
        found = {}
        for path in sorted((self._place(repo) / "tags").glob("*.json")):
            if path.name.startswith("."):
                continue
            try:
                check_revision(path.stem)
                found[path.stem] = read_tag(path)
            except TicketHubError as error:
                if report:
                    report(_passed_over(path, error))
        return found

    def tag(self, repo: str, name: str, *, revision: str | None = None, message: str = "") -> None:
        """Name a commit for ever; the same name for the same commit again changes nothing.

        Raises:
            HubConflictError: the tag names another commit.
            HubNotFoundError: there is no such revision, or the name has a slash.
            StorageError: the disk is full, or the folder may not be written.
        """
        check_revision(name)
        if "/" in name:
            raise HubNotFoundError(
                f"A tag in a folder cannot be named {name!r}.", "Leave out the slash."
            )
        commit = self._find(repo, revision)["id"]
        record = {"commit": commit, "message": message, "date": timestamp()}
        path = self._place(repo) / "tags" / f"{name}.json"
        if not publish(path, record) and read_tag(path) != commit:
            raise HubConflictError(
                f"{repo} has a tag {name!r} already, and tags are never moved.",
                "Choose another name.",
            )

    def delete(self, repo: str) -> None:
        """Delete the repository with all its commits, damaged ones too.

        It is gone for everybody at once. Blobs that others may share stay, and so does what could
        not be removed at this moment, until `collect_folder` removes it.
        """
        place = self._place(repo)
        grave = place.with_name(f".{place.name}.deleted-{secrets.token_hex(6)}")
        if not (place / "history").is_dir():
            raise self._absent(repo)
        try:
            place.rename(grave)
            sync_folder(place.parent)
        except FileNotFoundError as error:
            raise self._absent(repo) from error
        except OSError as error:
            raise StorageError(
                f"{repo} could not be deleted: {error.strerror}.", "Check the permissions."
            ) from error
        shutil.rmtree(grave, ignore_errors=True)

    def _place(self, repo: str) -> Path:
        check_repo(repo)
        return self.root / "repos" / repo

    def _history(self, repo: str) -> CommitHistory:
        return CommitHistory(self._place(repo))

    def refuse_absent(self) -> None:
        """A share that is not mounted, or a misspelt folder, is no hub without tickets.

        Raises:
            HubNotFoundError: there is no folder.
        """
        if not self.root.is_dir():
            raise HubNotFoundError(
                f"There is no folder {self.root}, so it is no hub.",
                "Check its spelling, and that the share is mounted; a first push makes a hub.",
            )

    def _absent(self, repo: str) -> HubNotFoundError:
        self.refuse_absent()
        return HubNotFoundError(
            f"There is no {repo} in {self.root}.",
            f"`ticket search --hub {shlex.quote(str(self.root))}` lists all.",
        )

    def _find(self, repo: str, revision: str | None) -> dict[str, Any]:
        history = self._history(repo)
        newest = history.newest()
        if newest is None:
            raise self._absent(repo)
        if revision in {None, "main"}:
            return newest
        check_revision(str(revision))
        tag = self._place(repo) / "tags" / f"{revision}.json"
        found = history.find(read_tag(tag) if tag.is_file() else str(revision))
        if found is None:
            raise HubNotFoundError(
                f"{repo} has no revision {revision!r}.",
                "Give a tag or a whole commit; `ticket info` lists the tags.",
            )
        return found


def _digest(snapshot: Snapshot, path: str) -> str:
    for file in snapshot.files:
        if file.path == path and file.sha256:
            return file.sha256
    raise HubNotFoundError(
        f"{snapshot.repo} has no file {path!r} at {snapshot.commit[:12]}.",
        "The bundle is not whole; ask its owner to push it again.",
    )


def _passed_over(place: Path, error: TicketHubError) -> HubError:
    if isinstance(error, HubError):
        return HubError(f"{error.problem} It was passed over.", error.remedy)
    return HubError(
        f"{place} is nothing that a hub keeps; it was passed over.",
        "Look at what it holds, and move it away.",
    )


def _conflict(repo: str) -> HubConflictError:
    return HubConflictError(
        f"Somebody else pushed to {repo} in between; nothing was changed.",
        "Pull it, look at what is new, and push again.",
    )
