"""A hub that speaks the Hugging Face Hub protocol: the public one, or a team's own.

The official client writes; what it reads it does not check (`hf_hub_download` accepts a flipped
bit, and goes on with an older commit when the hub fails). So its session alone is used for reading:
bytes come from the `resolve` address of one commit, and whoever asked for them compares digests.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from ticket_hub.errors import HubConflictError, HubError, TicketNotFoundError
from ticket_hub.hub.address import check_repo
from ticket_hub.hub.base import Pushed, RemoteFile, Report, Snapshot
from ticket_hub.hub.faults import translated
from ticket_hub.patterns import COMMIT

if TYPE_CHECKING:
    from ticket_hub.hub.requests import Requests

__all__ = ["HuggingFaceHub"]

TAG = "lottery-ticket"


class HuggingFaceHub:
    """The public Hub, or the server at an endpoint.

    Args:
        endpoint: address of the server; None is `HF_ENDPOINT`, or the public Hub.
        token: None is `HF_TOKEN`, or what `hf auth login` kept; False is none.
        patience: how often a request that got 429, 5xx or half an answer is tried again, each time
            after a longer pause. What came of a file is kept, and the rest asked for.
        pause: seconds before the second try.
    """

    def __init__(
        self,
        endpoint: str | None = None,
        *,
        token: str | Literal[False] | None = None,
        patience: int = 5,
        pause: float = 0.5,
    ) -> None:
        from huggingface_hub import HfApi  # slow to import

        from ticket_hub import __version__
        from ticket_hub.hub.bounds import LIBRARY

        self.api = HfApi(
            endpoint=endpoint, token=token, library_name=LIBRARY, library_version=__version__
        )
        self.patience = patience
        self.pause = pause
        self.location = str(self.api.endpoint)

    def url(self, repo: str) -> str:
        """The page of a repository."""
        return f"{self.location}/{repo}"

    def account(self) -> str:
        """The name of the account that the token is of.

        Raises:
            HubError: there is no token, or the hub does not answer.
        """
        with translated(self.location, ""):
            return str(self.requests().json("/api/whoami-v2").get("name", ""))

    def snapshot(self, repo: str, revision: str | None = None) -> Snapshot:
        """The repository at a branch, tag or commit, as the hub says it is now."""
        from huggingface_hub.utils import validate_repo_id

        with translated(self.location, repo, revision):
            validate_repo_id(repo)
            at = "" if revision is None else f"/revision/{quote(revision, safe='')}"
            info = self.requests().json(f"/api/models/{repo}{at}", {"blobs": True})
            files = tuple(_remote_file(sibling) for sibling in info.get("siblings") or ())
            private = bool(info.get("private") or info.get("gated"))
        commit = str(info.get("sha"))
        # It becomes the name of a folder on this machine.
        if not COMMIT.fullmatch(commit):
            raise HubError(
                f"{self.location} names a commit that is none: {commit[:60]!r}.",
                "Check that the address is that of a hub.",
            )
        return Snapshot(repo=repo, commit=commit, files=files, private=private)

    def read(self, snapshot: Snapshot, path: str, *, limit: int) -> bytes:
        """A small file as a whole."""
        data = bytearray()
        size = next((each.size for each in snapshot.files if each.path == path), None)
        for place, piece in self._pieces(snapshot, path, 0, size or None):
            data[place:] = piece
            if len(data) > limit:
                raise HubError(
                    f"{path} of {snapshot.repo} has more than {limit} bytes.",
                    "A bundle's own files are smaller; this is not a bundle of Ticket Hub.",
                )
        return bytes(data)

    def download(
        self, snapshot: Snapshot, path: str, target: Path, *, offset: int, most: int
    ) -> None:
        """Append the file's bytes from `offset` on to `target`."""
        with target.open("ab") as stream:
            stream.truncate(offset)
            stream.seek(offset)
            for place, piece in self._pieces(snapshot, path, offset, most):
                # A server that ignores Range begins anew: so does the file.
                if place != stream.tell():
                    stream.truncate(place)
                    stream.seek(place)
                stream.write(piece)
                if stream.tell() > most:
                    raise HubError(
                        f"{path} of {snapshot.repo} is larger than its manifest says.",
                        "Ask its owner about it.",
                    )

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
        """One commit; see `Hub.push`. With `create_pr` it is proposed as a pull request."""
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        with self._writing(repo), _no_bars():
            repo, url = self._created(repo, private=private)
            head = self.snapshot(repo).commit if parent is None else parent
            additions = [
                CommitOperationAdd(path_in_repo=path, path_or_fileobj=str(source))
                for path, source in files
            ]
            # The head was read just now, so the hub's own check of the parent would notice nobody.
            self._keep_new_repository(repo, parent, additions)
            deletions = [CommitOperationDelete(path_in_repo=path) for path in delete]
            commit = self.api.create_commit(
                repo,
                operations=[*additions, *deletions],
                commit_message=message,
                parent_commit=head,
                create_pr=create_pr,
            )
        return Pushed(
            repo=repo,
            commit=commit.oid,
            url=commit.pr_url or url,
            uploaded=tuple(each.path_in_repo for each in additions if _was_sent(each)),
        )

    def _created(self, repo: str, *, private: bool | None) -> tuple[str, str]:
        """The name and the page of a repository, made where it is not there."""
        try:
            created = self.api.create_repo(repo, private=private, exist_ok=True)
        except ValueError:
            # It is there and is somebody else's: the client looks it up, and then reads the address
            # of no hub but the public one. Whether one may write there the commit tells.
            self.snapshot(repo)
            return repo, self.url(repo)
        return created.repo_id, str(created)

    def _keep_new_repository(self, repo: str, parent: str | None, additions: Sequence[Any]) -> None:
        """Refuse to fill a repository as new that somebody else has filled meanwhile."""
        present = {file.path for file in self.snapshot(repo).files} if parent is None else set()
        if any(each.path_in_repo in present - {".gitattributes"} for each in additions):
            raise HubConflictError(
                f"Somebody else pushed to {repo} in between; nothing was changed.",
                "Pull it, look at what is new, and push again.",
            )

    def repositories(
        self,
        *,
        owner: str | None = None,
        tags: Sequence[str] = (),
        report: Report | None = None,
    ) -> Iterator[str]:
        """Every repository with the tag `lottery-ticket`, newest first, page by page."""
        query = {"filter": [TAG, *tags], "sort": "lastModified"}
        if owner:
            query["author"] = owner
        with translated(self.location, owner or ""):
            for item in self.requests().pages("/api/models", query):
                repo = str(item.get("id") if isinstance(item, dict) else item)
                try:
                    check_repo(repo)
                except TicketNotFoundError:
                    if report:
                        problem = f"{self.location} lists {repo[:99]!r}; it was passed over."
                        report(HubError(problem, "No repository can have this name."))
                    continue
                yield repo

    def tags(self, repo: str, *, report: Report | None = None) -> dict[str, str]:
        """Tag -> commit; all of them or an error."""
        del report
        with translated(self.location, repo):
            refs = self.requests().json(f"/api/models/{repo}/refs")
            return {str(tag["name"]): str(tag["targetCommit"]) for tag in refs["tags"]}

    def tag(self, repo: str, name: str, *, revision: str | None = None, message: str = "") -> None:
        """Name a commit for ever; the same name for the same commit again changes nothing."""
        try:
            with self._writing(repo, revision):
                self.api.create_tag(repo, tag=name, tag_message=message or None, revision=revision)
        except HubConflictError:
            if self.tags(repo).get(name) != self.snapshot(repo, revision).commit:
                raise

    def delete(self, repo: str) -> None:
        """Delete the repository with all its commits."""
        with self._writing(repo):
            self.api.delete_repo(repo)

    @contextlib.contextmanager
    def _writing(self, repo: str, revision: str | None = None) -> Iterator[None]:
        """What the official client does by itself, with our bounds and errors."""
        from ticket_hub.hub.bounds import bounded_session

        with translated(self.location, repo, revision):
            bounded_session(self.location, self._headers())
            yield

    def requests(self) -> Requests:
        """What reads from the server, with the token; nothing is asked yet."""
        from ticket_hub.hub.requests import Requests

        return Requests(self.location, self._headers(), patience=self.patience, pause=self.pause)

    def _headers(self) -> dict[str, str]:
        from huggingface_hub.utils import build_hf_headers

        return build_hf_headers(
            token=self.api.token,
            library_name=self.api.library_name,
            library_version=self.api.library_version,
        )

    def _pieces(
        self, snapshot: Snapshot, path: str, offset: int, size: int | None
    ) -> Iterator[tuple[int, bytes]]:
        from huggingface_hub import hf_hub_url

        url = hf_hub_url(snapshot.repo, path, revision=snapshot.commit, endpoint=self.location)
        with translated(self.location, snapshot.repo, snapshot.commit, path):
            yield from self.requests().file(url, offset, size)


@contextlib.contextmanager
def _no_bars() -> Iterator[None]:
    """The client draws progress bars on the terminal, which is not the library's to draw on."""
    from huggingface_hub.utils import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    if are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()


def _remote_file(sibling: Any) -> RemoteFile:  # noqa: ANN401 - JSON of the server's
    size = sibling.get("size")
    return RemoteFile(
        path=str(sibling["rfilename"]),
        size=size if isinstance(size, int) else 0,
        sha256=str(sibling["lfs"]["sha256"]) if sibling.get("lfs") else None,
    )


def _was_sent(addition: Any) -> bool:  # noqa: ANN401 - the client's own class
    known = getattr(addition, "_remote_oid", None)
    return known is None or known != getattr(addition, "_local_oid", None)
