"""A hub that speaks the Hugging Face Hub protocol: the public one, or a team's own.

Only the official client talks to the server. What it does not check (`hf_hub_download` accepts a
flipped bit, and goes on with an older commit when the hub fails) is not used: bytes are read from
the `resolve` address of one commit, and whoever asked for them compares digests.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ticket_hub.errors import HubConflictError, HubError
from ticket_hub.hub.base import Pushed, RemoteFile, Snapshot
from ticket_hub.hub.faults import translated

__all__ = ["HuggingFaceHub"]

LIBRARY = "ticket-hub"
TAG = "lottery-ticket"
TIMEOUT = 30.0
CHUNK = 1 << 20
PARTIAL_CONTENT = 206
_COMMIT = re.compile(r"[0-9a-f]{40}")


class HuggingFaceHub:
    """The public Hub, or the server at an endpoint.

    Args:
        endpoint: address of the server; None is `HF_ENDPOINT`, or the public Hub.
        token: None is `HF_TOKEN`, or what `hf auth login` kept.
        patience: how often a request that got 429, 5xx or no answer is tried again, each time
            after a longer pause.
    """

    def __init__(
        self, endpoint: str | None = None, *, token: str | None = None, patience: int = 5
    ) -> None:
        from huggingface_hub import HfApi  # slow to import

        from ticket_hub import __version__

        self.api = HfApi(
            endpoint=endpoint, token=token, library_name=LIBRARY, library_version=__version__
        )
        self.patience = patience
        self.location = str(self.api.endpoint)

    def url(self, repo: str) -> str:
        """The page of a repository."""
        return f"{self.location}/{repo}"

    def snapshot(self, repo: str, revision: str | None = None) -> Snapshot:
        """The repository at a branch, tag or commit, as the hub says it is now."""
        with translated(self.location, repo, revision):
            info = self.api.model_info(
                repo, revision=revision, files_metadata=True, timeout=TIMEOUT
            )
            files = tuple(_remote_file(sibling) for sibling in info.siblings or ())
        commit = str(info.sha)
        if not _COMMIT.fullmatch(commit):
            raise HubError(
                f"{self.location} names a commit that is none: {commit[:60]!r}.",
                "Check that the address is that of a hub.",
            )
        private = bool(info.private or info.gated)
        return Snapshot(repo=repo, commit=commit, files=files, private=private)

    def read(self, snapshot: Snapshot, path: str, *, limit: int) -> bytes:
        """A small file as a whole."""
        data = b""
        for chunk in self._chunks(snapshot, path, 0):
            data += chunk
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
        with target.open("ab") as stream:
            stream.truncate(offset)
            for chunk in self._chunks(snapshot, path, offset):
                stream.write(chunk)
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

        with translated(self.location, repo), _no_bars():
            created = self.api.create_repo(repo, private=private, exist_ok=True)
            repo = created.repo_id
            head = self.snapshot(repo).commit if parent is None else parent
            additions = [
                CommitOperationAdd(path_in_repo=path, path_or_fileobj=str(source))
                for path, source in files
            ]
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
            url=commit.pr_url or str(created),
            uploaded=tuple(each.path_in_repo for each in additions if _was_sent(each)),
        )

    def _keep_new_repository(self, repo: str, parent: str | None, additions: Sequence[Any]) -> None:
        """Refuse to fill a repository as new that somebody else has filled meanwhile."""
        present = {file.path for file in self.snapshot(repo).files} if parent is None else set()
        if any(each.path_in_repo in present - {".gitattributes"} for each in additions):
            raise HubConflictError(
                f"Somebody else pushed to {repo} in between; nothing was changed.",
                "Pull it, look at what is new, and push again.",
            )

    def repositories(self, *, owner: str | None = None, tags: Sequence[str] = ()) -> Iterator[str]:
        """Every repository with the tag `lottery-ticket`, newest first, page by page."""
        with translated(self.location, owner or ""):
            for info in self.api.list_models(
                filter=[TAG, *tags], author=owner, sort="last_modified"
            ):
                yield info.id

    def tags(self, repo: str) -> dict[str, str]:
        """Tag -> commit."""
        with translated(self.location, repo):
            refs = self.api.list_repo_refs(repo)
        return {tag.name: tag.target_commit for tag in refs.tags}

    def tag(self, repo: str, name: str, *, revision: str | None = None, message: str = "") -> None:
        """Name a commit for ever."""
        with translated(self.location, repo, revision):
            self.api.create_tag(repo, tag=name, tag_message=message or None, revision=revision)

    def delete(self, repo: str) -> None:
        """Delete the repository with all its commits."""
        with translated(self.location, repo):
            self.api.delete_repo(repo)

    def _chunks(self, snapshot: Snapshot, path: str, offset: int) -> Iterator[bytes]:
        from huggingface_hub import hf_hub_url
        from huggingface_hub.utils import (
            build_hf_headers,
            hf_raise_for_status,
            http_stream_backoff,
        )

        url = hf_hub_url(snapshot.repo, path, revision=snapshot.commit, endpoint=self.api.endpoint)
        headers = build_hf_headers(
            token=self.api.token, library_name=LIBRARY, library_version=self.api.library_version
        ) | {"Accept-Encoding": "identity"}
        if offset:
            headers["Range"] = f"bytes={offset}-"
        with (
            translated(self.location, snapshot.repo, snapshot.commit, path),
            http_stream_backoff(
                "GET",
                url,
                headers=headers,
                max_retries=self.patience,
                follow_redirects=True,
                timeout=TIMEOUT,
            ) as response,
        ):
            hf_raise_for_status(response)
            if offset and response.status_code != PARTIAL_CONTENT:
                raise HubError(
                    f"{self.location} ignores ranges, so {path} cannot be resumed.",
                    "Run `ticket cache prune --partial`, and pull again.",
                )
            yield from response.iter_raw(CHUNK)


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


def _remote_file(sibling: Any) -> RemoteFile:  # noqa: ANN401 - the client's own class
    size = sibling.size if isinstance(sibling.size, int) else 0
    return RemoteFile(
        path=str(sibling.rfilename),
        size=size,
        sha256=sibling.lfs.sha256 if sibling.lfs else None,
    )


def _was_sent(addition: Any) -> bool:  # noqa: ANN401 - the client's own class
    known = getattr(addition, "_remote_oid", None)
    return known is None or known != getattr(addition, "_local_oid", None)
