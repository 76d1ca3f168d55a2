"""A hub in a folder: a laptop, or a share that a whole lab mounts.

    hub.json                                   {"format": 1}
    blobs/<first two>/<sha256>                 immutable, mode 0444, kept once for all repositories
    repos/<owner>/<name>/history/<n>.json      parent, message, date, path -> (sha256, size)
    repos/<owner>/<name>/tags/<tag>.json       written once, never moved

A commit is published by linking its file to the next free number. Linking fails where that
number exists, on network file systems too: of two pushes exactly one wins, without a lock that a
dead client could leave behind.
"""

from __future__ import annotations

import getpass
import os
import secrets
import shlex
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from ticket_hub.bundle.layout import MANIFEST
from ticket_hub.durable import open_durable, sha256_file, write_json
from ticket_hub.errors import (
    HubConflictError,
    HubError,
    HubNotFoundError,
    StorageError,
)
from ticket_hub.hub.address import check_repo, check_revision
from ticket_hub.hub.base import Pushed, RemoteFile, Snapshot
from ticket_hub.hub.folder_files import (
    commit_id,
    publish,
    read_commit,
    read_table,
    timestamp,
)

__all__ = ["FolderHub"]

MARKER = "hub.json"
CHUNK = 1 << 20


class FolderHub:
    """A hub in a folder; see the module for its layout.

    Raises:
        HubError: the folder exists and is something else.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.location = str(root)
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
        with self._blob(snapshot, path).open("rb") as stream:
            data = stream.read(limit + 1)
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
        try:
            with self._blob(snapshot, path).open("rb") as source, target.open("ab") as goal:
                goal.truncate(offset)
                source.seek(offset)
                _copy(source, goal, most - offset, f"{path} of {snapshot.repo}")
        except FileNotFoundError as error:
            raise HubNotFoundError(
                f"{self.root} has lost {path} of {snapshot.repo}.",
                "Ask its owner to push it again.",
            ) from error

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
        head = self._head(repo)
        if (head["id"] if head else None) != parent:
            raise _conflict(repo)
        self._mark()
        entries = {
            path: entry
            for path, entry in (head["files"] if head else {}).items()
            if path not in delete
        }
        uploaded = []
        for path, source in files:
            digest = sha256_file(source)
            if self._store(source, digest):
                uploaded.append(path)
            entries[path] = [digest, source.stat().st_size]
        if head and entries == head["files"]:
            return Pushed(repo=repo, commit=head["id"], url=self.url(repo), uploaded=())
        commit = self._commit(repo, head, entries, message)
        return Pushed(repo=repo, commit=commit, url=self.url(repo), uploaded=tuple(uploaded))

    def repositories(self, *, owner: str | None = None, tags: Sequence[str] = ()) -> Iterator[str]:
        """Every repository whose newest commit holds a ticket, newest first; tags are not kept."""
        del tags
        self._refuse_absent()
        found = []
        for history in (self.root / "repos").glob(f"{owner or '*'}/*/history"):
            repo = f"{history.parent.parent.name}/{history.parent.name}"
            head = self._head(repo)
            if head and MANIFEST in head["files"]:
                found.append((head["date"], repo))
        yield from (repo for _, repo in sorted(found, reverse=True))

    def tags(self, repo: str) -> dict[str, str]:
        """Tag -> commit."""
        self._find(repo, None)
        folder = self._place(repo) / "tags"
        return {path.stem: read_table(path)["commit"] for path in sorted(folder.glob("*.json"))}

    def tag(self, repo: str, name: str, *, revision: str | None = None, message: str = "") -> None:
        """Name a commit for ever.

        Raises:
            HubConflictError: the tag exists.
            HubNotFoundError: there is no such revision, or the name has a slash.
        """
        check_revision(name)
        if "/" in name:
            raise HubNotFoundError(
                f"A tag in a folder cannot be named {name!r}.", "Leave out the slash."
            )
        commit = self._find(repo, revision)["id"]
        record = {"commit": commit, "message": message, "date": timestamp()}
        if not publish(self._place(repo) / "tags" / f"{name}.json", record):
            raise HubConflictError(
                f"{repo} has a tag {name!r} already, and tags are never moved.",
                "Choose another name.",
            )

    def delete(self, repo: str) -> None:
        """Delete the repository with all its commits; blobs that others may share stay."""
        self._find(repo, None)
        grave = self._place(repo).with_name(
            f".{self._place(repo).name}.deleted-{secrets.token_hex(6)}"
        )
        try:
            self._place(repo).rename(grave)
            shutil.rmtree(grave)
        except OSError as error:
            raise StorageError(
                f"{repo} could not be deleted: {error.strerror}.", "Check the permissions."
            ) from error

    def _place(self, repo: str) -> Path:
        check_repo(repo)
        return self.root / "repos" / repo

    def _history(self, repo: str) -> list[Path]:
        return sorted((self._place(repo) / "history").glob("[0-9]*.json"))

    def _head(self, repo: str) -> dict[str, Any] | None:
        history = self._history(repo)
        return read_commit(history[-1]) if history else None

    def _refuse_absent(self) -> None:
        """A share that is not mounted, or a misspelt folder, is no hub without tickets."""
        if not self.root.is_dir():
            raise HubNotFoundError(
                f"There is no folder {self.root}, so it is no hub.",
                "Check its spelling, and that the share is mounted; a first push makes a hub.",
            )

    def _find(self, repo: str, revision: str | None) -> dict[str, Any]:
        history = self._history(repo)
        if not history:
            self._refuse_absent()
            raise HubNotFoundError(
                f"There is no {repo} in {self.root}.",
                f"`ticket search --hub {shlex.quote(str(self.root))}` lists all.",
            )
        if revision in {None, "main"}:
            return read_commit(history[-1])
        check_revision(str(revision))
        tag = self._place(repo) / "tags" / f"{revision}.json"
        wanted = read_table(tag)["commit"] if tag.is_file() else revision
        for path in reversed(history):
            commit = read_commit(path)
            if commit["id"] == wanted:
                return commit
        raise HubNotFoundError(
            f"{repo} has no revision {revision!r}.",
            "Give a tag or a whole commit; `ticket info` lists the tags.",
        )

    def _blob(self, snapshot: Snapshot, path: str) -> Path:
        for file in snapshot.files:
            if file.path == path and file.sha256:
                return self.root / "blobs" / file.sha256[:2] / file.sha256
        raise HubNotFoundError(
            f"{snapshot.repo} has no file {path!r} at {snapshot.commit[:12]}.",
            "The bundle is not whole; ask its owner to push it again.",
        )

    def _store(self, source: Path, digest: str) -> bool:
        """Keep the bytes under their digest; False where they are there already."""
        blob = self.root / "blobs" / digest[:2] / digest
        if blob.is_file() and blob.stat().st_size == source.stat().st_size:
            return False
        with source.open("rb") as stream, open_durable(blob) as goal:
            shutil.copyfileobj(stream, goal, CHUNK)
            os.fchmod(goal.fileno(), 0o444)
        return True

    def _mark(self) -> None:
        if not (self.root / MARKER).is_file():
            write_json(self.root / MARKER, {"format": 1})

    def _commit(
        self, repo: str, head: dict[str, Any] | None, entries: dict[str, Any], message: str
    ) -> str:
        number = head["number"] + 1 if head else 1
        record = {
            "number": number,
            "parent": head["id"] if head else None,
            "message": message,
            "author": getpass.getuser(),
            "date": timestamp(),
            "files": entries,
        }
        record["id"] = commit_id(record)
        if not publish(self._place(repo) / "history" / f"{number:08d}.json", record):
            raise _conflict(repo)
        return str(record["id"])


def _copy(source: IO[bytes], goal: IO[bytes], most: int, name: str) -> None:
    while piece := source.read(CHUNK):
        most -= len(piece)
        if most < 0:
            raise HubError(f"{name} is larger than its manifest says.", "Ask its owner about it.")
        goal.write(piece)


def _conflict(repo: str) -> HubConflictError:
    return HubConflictError(
        f"Somebody else pushed to {repo} in between; nothing was changed.",
        "Pull it, look at what is new, and push again.",
    )
