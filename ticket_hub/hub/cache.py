"""What was pulled, on this machine: every blob once, by its digest, checked at every use.

blobs/<first two>/<sha256>               immutable, mode 0444
partial/<sha256>                         a download under way; the next pull goes on with it
hubs/<hub>/<owner>/<name>/<commit>/      the bundle: links to the blobs, or copies of them
hubs/<hub>/<owner>/<name>/refs/<rev>     the commit that the hub last gave for a revision
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from ticket_hub.bundle.layout import MANIFEST
from ticket_hub.bundle.manifest_records import FileRecord
from ticket_hub.durable import explaining, make_folder, sha256_file, write_bytes
from ticket_hub.errors import BundleDigestError, HubUnavailableError, StorageError
from ticket_hub.file_system import lock, protect, sync_file, sync_folder
from ticket_hub.home import ticket_home
from ticket_hub.patterns import COMMIT
from ticket_hub.system_files import is_system_file

__all__ = ["Cache", "CachedBundle", "Fetch", "unfinished"]

Fetch = Callable[[Path, int], None]
"""Append the rest of a file to a path that has so many bytes already."""


@dataclass(frozen=True, kw_only=True)
class CachedBundle:
    """A bundle that was pulled.

    Attributes:
        repo: `owner/name`.
        commit: which state of it.
        folder: where it is.
        size: bytes of its files; blobs that others share are counted in each.
    """

    repo: str
    commit: str
    folder: Path
    size: int


class Cache:
    """The cache in a folder; by default `cache` under `TICKET_HOME`."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = ticket_home() / "cache" if root is None else root

    def blob(self, digest: str) -> Path:
        """Where a blob is, or will be."""
        return self.root / "blobs" / digest[:2] / digest

    def ensure(self, name: str, record: FileRecord, fetch: Fetch | None) -> str:
        """Have a file's bytes under their digest: `kept`, `fetched` or `repaired`.

        What is there already is hashed again. A download that was cut off is gone on with; one
        whose bytes turn out wrong is thrown away.

        Args:
            fetch: None where the hub must not be asked.

        Raises:
            BundleDigestError: the hub's bytes are not those of the manifest.
            HubUnavailableError: the bytes are not here, and the hub must not be asked.
            StorageError: the disk is full.
        """
        blob = self.blob(record.sha256)
        damaged = False
        if blob.is_file():
            # The size first: it costs nothing, and tells of most damage.
            if blob.stat().st_size == record.size and sha256_file(blob) == record.sha256:
                return "kept"
            # Under its digest nothing else may lie, not even for as long as the download takes.
            blob.unlink()
            damaged = True
        if fetch is None:
            raise HubUnavailableError(
                f"{name} is {'damaged' if damaged else 'not'} on this machine, and the hub was "
                "not asked.",
                "Pull it once while the hub can be reached.",
            )
        with explaining(blob), unfinished(self.root / "partial" / record.sha256) as partial:
            if not blob.is_file():  # another process may have fetched it while this one waited
                _download(name, record, partial, fetch)
                make_folder(blob.parent)
                with partial.open("rb") as stream:
                    protect(stream.fileno())
                    sync_file(stream.fileno())
                partial.replace(blob)
                sync_folder(blob.parent)
        return "repaired" if damaged else "fetched"

    def place(self, folder: Path, files: Mapping[str, FileRecord]) -> None:
        """Put blobs that `ensure` has checked into a bundle's folder, durably.

        Raises:
            StorageError: the disk is full.
        """
        placed = [folder / name for name, each in files.items() if self._place(folder, name, each)]
        with explaining(folder):
            for parent in {path.parent for path in placed}:
                sync_folder(parent)

    def _place(self, folder: Path, name: str, record: FileRecord) -> bool:
        goal, blob = folder / name, self.blob(record.sha256)
        with explaining(goal):
            if goal.exists() and goal.samefile(blob):
                return False
            make_folder(goal.parent)
            # Linked beside and renamed: `os.link` refuses a name that is taken, and removing it
            # first would leave a moment without the file.
            draft = goal.with_name(f".{goal.name}.{secrets.token_hex(6)}.part")
            try:
                os.link(blob, draft)
            except OSError:  # a file system without links
                shutil.copyfile(blob, draft)
                with draft.open("rb") as stream:
                    sync_file(stream.fileno())
            draft.replace(goal)
            return True

    def folder(self, hub: str, repo: str, commit: str) -> Path:
        """The folder of a bundle at a commit."""
        return self._repo(hub, repo) / commit

    def remember(self, hub: str, repo: str, revision: str | None, commit: str) -> None:
        """Note which commit a hub has just given for a revision."""
        if revision != commit:
            write_bytes(self._ref(hub, repo, revision), commit.encode())

    def recall(self, hub: str, repo: str, revision: str | None) -> str | None:
        """The commit that a hub last gave for a revision, or None."""
        if revision and (self.folder(hub, repo, revision) / MANIFEST).is_file():
            return revision
        with contextlib.suppress(OSError, UnicodeDecodeError):
            commit = self._ref(hub, repo, revision).read_text("ascii")
            return commit if COMMIT.fullmatch(commit) else None
        return None

    def bundles(self) -> list[CachedBundle]:
        """Everything that was pulled, by name."""
        found = []
        for manifest in sorted((self.root / "hubs").glob(f"*/*/*/*/{MANIFEST}")):
            folder = manifest.parent
            files = [path for path in folder.rglob("*") if path.is_file()]
            found.append(
                CachedBundle(
                    repo=f"{folder.parent.parent.name}/{folder.parent.name}",
                    commit=folder.name,
                    folder=folder,
                    size=sum(path.stat().st_size for path in files),
                )
            )
        return found

    def pulled(self, repo: str, revision: str | None = None) -> list[Path]:
        """The folders of a repository at a revision, as each hub last gave it; mostly one or none.

        Args:
            revision: branch, tag or commit; None is the default branch, or, where only other
                revisions were pulled, the only commit that is there.
        """
        found = []
        for place in sorted((self.root / "hubs").glob(f"*/{repo}")):
            commits = [path.parent.name for path in place.glob(f"*/{MANIFEST}")]
            ref = place / "refs" / quote(revision or "main", safe="")
            named = ref.read_text("ascii", "replace") if ref.is_file() else revision
            chosen = [commit for commit in commits if commit == named]
            if revision is None and not chosen and len(commits) == 1:
                chosen = commits
            found += [place / commit for commit in chosen]
        return found

    def damaged(self) -> list[Path]:
        """Every blob whose bytes are not those of its name."""
        found = sorted((self.root / "blobs").glob("*/*"))
        blobs = [path for path in found if not is_system_file(path.name)]
        return [path for path in blobs if sha256_file(path) != path.name]

    def prune(self, *, keep_newest: bool = True, partial_only: bool = False) -> int:
        """Remove what is not needed; returns the bytes that were freed.

        Unfinished downloads always; unless `partial_only`, every bundle that no revision leads to
        any more (with `keep_newest=False`: every bundle), and then every blob of no bundle.
        """
        freed = _remove((self.root / "partial").glob("*"))
        if partial_only:
            return freed
        refs = (self.root / "hubs").glob("*/*/*/refs/*")
        wanted = {path.read_text("ascii", "replace") for path in refs}
        for bundle in self.bundles():
            if not (keep_newest and bundle.commit in wanted):
                shutil.rmtree(bundle.folder)
        linked, copied = set(), set()
        for bundle in self.bundles():
            for path in filter(Path.is_file, bundle.folder.rglob("*")):
                linked.add(path.stat().st_ino)
                if path.stat().st_nlink == 1:  # a file system without links
                    copied.add(sha256_file(path))
        blobs = (self.root / "blobs").glob("*/*")
        unused = (b for b in blobs if b.name not in copied and b.stat().st_ino not in linked)
        return freed + _remove(unused)

    def _repo(self, hub: str, repo: str) -> Path:
        # Readable, and with a mark: two addresses may have the same letters.
        slug = re.sub(r"[^A-Za-z0-9.]+", "-", hub).strip("-.")[-60:]
        mark = hashlib.sha256(hub.encode()).hexdigest()[:8]
        return self.root / "hubs" / f"{slug}-{mark}" / repo

    def _ref(self, hub: str, repo: str, revision: str | None) -> Path:
        return self._repo(hub, repo) / "refs" / quote(revision or "main", safe="")


@contextlib.contextmanager
def unfinished(path: Path) -> Iterator[Path]:
    """The file of an unfinished download, for one process at a time; its folder is made.

    Where the file system gives no locks, a file of its own, which nobody goes on with.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    locked = path.with_suffix(".lock")
    with locked.open("ab") as stream:
        try:
            lock(stream.fileno(), locked, wait=True)
        except StorageError:
            path = path.with_suffix(f".{secrets.token_hex(6)}")
            try:
                yield path
            finally:
                path.unlink(missing_ok=True)
        else:
            yield path


def _download(name: str, record: FileRecord, partial: Path, fetch: Fetch) -> None:
    had = partial.stat().st_size if partial.is_file() else 0
    # From where it broke off; should those bytes turn out wrong, once more from the beginning.
    for offset in dict.fromkeys((min(had, record.size), 0)):
        if offset < record.size or not partial.is_file():
            fetch(partial, offset)
        if partial.stat().st_size == record.size and sha256_file(partial) == record.sha256:
            return
        partial.unlink()
    raise BundleDigestError(
        f"The hub's bytes of {name} are not those that the manifest describes.",
        "Nothing was kept of it. Ask the bundle's owner to push it again.",
    )


def _remove(paths: Iterator[Path]) -> int:
    freed = 0
    for path in list(paths):
        freed += path.stat().st_size
        path.unlink()
    return freed
