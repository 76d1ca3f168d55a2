"""What every hub can do, be it a folder or a server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias, runtime_checkable

from ticket_hub.errors import TicketHubError

__all__ = ["Hub", "Pushed", "RemoteFile", "Report", "Snapshot"]

Report: TypeAlias = Callable[[TicketHubError], None]
"""Is told of each entry that was passed over because it is damaged or does not belong there."""


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """One file of a snapshot, as the hub states it; nothing here is believed.

    Attributes:
        path: inside the repository, with `/`.
        size: in bytes.
        sha256: of the bytes, where the hub states it.
    """

    path: str
    size: int
    sha256: str | None = None


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A repository at one commit.

    Attributes:
        repo: `owner/name`.
        commit: 40 hexadecimal digits.
        files: all of them.
        confirmed: whether the hub itself just said that the revision is this commit; False where
            it could not be asked and an earlier answer was used.
        private: whether the hub said that not everybody may read it.
    """

    repo: str
    commit: str
    files: tuple[RemoteFile, ...]
    confirmed: bool = True
    private: bool = False


@dataclass(frozen=True, kw_only=True)
class Pushed:
    """What a push did.

    Attributes:
        repo: as the hub names it.
        commit: the new commit, or the present one where nothing had changed.
        url: where a person can look at it.
        uploaded: paths whose bytes were sent; what the hub had already is not among them.
        passed_over: files of systems in the bundle's folder, such as `.DS_Store`, which stay here.
    """

    repo: str
    commit: str
    url: str
    uploaded: tuple[str, ...]
    passed_over: tuple[str, ...] = ()


@runtime_checkable
class Hub(Protocol):
    """A place that keeps bundles under `owner/name`, in commits.

    Every method raises `HubNotFoundError` (no such repository, revision or file, or hidden),
    `HubAccessError` (the token is missing or has no such right) or `HubUnavailableError` (no
    answer, or offline).
    """

    location: str

    def url(self, repo: str) -> str:
        """Where a person can look at a repository."""

    def snapshot(self, repo: str, revision: str | None = None) -> Snapshot:
        """The repository at a branch, tag or commit; None is the default branch."""

    def read(self, snapshot: Snapshot, path: str, *, limit: int) -> bytes:
        """A small file as a whole; more than `limit` bytes are refused."""

    def download(
        self, snapshot: Snapshot, path: str, target: Path, *, offset: int, most: int
    ) -> None:
        """Append the file's bytes from `offset` on to `target`, which has so many already.

        Args:
            most: bytes of the whole file; a hub that sends more is cut off with `HubError`.
        """

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
        """One commit that adds or replaces files and deletes others.

        Args:
            parent: the commit that this push has seen, None for a new repository. Where the
                head is another, nothing is changed.

        Raises:
            HubConflictError: somebody else pushed in between.
        """

    def repositories(
        self,
        *,
        owner: str | None = None,
        tags: Sequence[str] = (),
        report: Report | None = None,
    ) -> Iterator[str]:
        """The repositories that hold tickets, newest first, as far as the reader may see them.

        Args:
            tags: of the card; a hub that keeps no index of cards returns more than asked for.
            report: is told of each entry that is passed over.
        """

    def tags(self, repo: str, *, report: Report | None = None) -> dict[str, str]:
        """Tag -> commit; `report` is told of each that is passed over."""

    def tag(self, repo: str, name: str, *, revision: str | None = None, message: str = "") -> None:
        """Name a commit for ever. An existing tag is never moved; naming it again is harmless."""

    def delete(self, repo: str) -> None:
        """Delete the repository with all its commits."""
