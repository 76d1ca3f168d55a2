"""`ticket hub gc --hub FOLDER`: what nothing refers to goes, whatever else happens meanwhile."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from ticket_hub.errors import HubError, HubNotFoundError
from ticket_hub.hub import front
from ticket_hub.hub.folder import FolderHub
from ticket_hub.hub.folder_blobs import FolderBlobs
from ticket_hub.hub.folder_collecting import CollectedFolder, collect_folder

REPO = "ann/lenet"
DAY = 24 * 3600


@pytest.fixture
def hub(tmp_path: Path) -> FolderHub:
    return FolderHub(tmp_path / "hub")


def push(hub: FolderHub, folder: Path, text: str, *, repo: str = REPO) -> str:
    source = folder / f"{text}.txt"
    source.write_text(text)
    parent = hub.snapshot(repo).commit if (hub.root / "repos" / repo).is_dir() else None
    return hub.push(repo, [("file", source)], message="push", parent=parent).commit


def age(hub: FolderHub, days: float = 2) -> None:
    """Let everything be older."""
    then = time.time() - days * DAY
    for path in hub.root.rglob("*"):
        os.utime(path, (then, then))


def contents(hub: FolderHub) -> set[str]:
    return {path.read_text() for path in (hub.root / "blobs").glob("*/*")}


def test_what_a_deletion_has_freed_goes_and_what_others_share_stays(
    hub: FolderHub, tmp_path: Path
) -> None:
    push(hub, tmp_path, "alone")
    push(hub, tmp_path, "shared")
    push(hub, tmp_path, "shared", repo="bob/other")
    hub.delete(REPO)
    age(hub)
    assert contents(hub) == {"alone", "shared"}
    would = collect_folder(hub, dry_run=True)
    assert contents(hub) == {"alone", "shared"}
    assert collect_folder(hub) == would
    assert would == CollectedFolder(blobs=1, leftovers=0, repositories=0, bytes=5)
    assert contents(hub) == {"shared"}
    assert collect_folder(hub) == CollectedFolder(blobs=0, leftovers=0, repositories=0, bytes=0)


def test_an_older_commit_keeps_its_contents(hub: FolderHub, tmp_path: Path) -> None:
    first = push(hub, tmp_path, "old")
    push(hub, tmp_path, "new")
    age(hub)
    assert collect_folder(hub).blobs == 0
    assert hub.read(hub.snapshot(REPO, first), "file", limit=9) == b"old"


def test_what_is_young_stays(hub: FolderHub, tmp_path: Path) -> None:
    push(hub, tmp_path, "alone")
    hub.delete(REPO)
    assert collect_folder(hub).blobs == 0
    assert contents(hub) == {"alone"}
    assert collect_folder(hub, grace_seconds=-1).blobs == 1


def test_what_interrupted_pushes_and_deletions_have_left_goes(
    hub: FolderHub, tmp_path: Path
) -> None:
    push(hub, tmp_path, "whole")
    push(hub, tmp_path, "gone", repo="bob/other")
    place = hub.root / "repos/bob/other"
    place.rename(place.with_name(".other.deleted-0123456789ab"))
    blob = next((hub.root / "blobs").glob("*/*"))
    history = hub.root / "repos/ann/lenet/history"
    left = [
        blob.with_name(f".{blob.name}.0123456789ab.part"),
        history / ".00000002.json.0123456789ab.draft",
        history / "..00000002.json.0123456789ab.draft.ba9876543210.part",
        hub.root / ".hub.json.0123456789ab.part",
    ]
    for path in left:
        path.write_text("half")
    kept = [blob.with_name(".nfs000123"), history / "notes.txt", hub.root / "README"]
    for path in kept:
        path.write_text("of another program")
    young = blob.with_name(f".{blob.name}.ffffffffffff.part")
    age(hub)
    young.write_text("a push that is under way")
    done = collect_folder(hub)
    assert (done.leftovers, done.repositories, done.blobs) == (4, 1, 1)
    assert not any(path.exists() for path in left)
    assert all(path.exists() for path in [*kept, young])
    assert not list((hub.root / "repos/bob").iterdir())


def test_a_damaged_commit_keeps_every_blob(hub: FolderHub, tmp_path: Path) -> None:
    push(hub, tmp_path, "one")
    push(hub, tmp_path, "two", repo="bob/other")
    commit = hub.root / "repos/bob/other/history/00000001.json"
    commit.write_text(commit.read_text()[:-20])
    age(hub)
    with pytest.raises(HubError, match="all of them stay") as refused:
        collect_folder(hub)
    assert "ticket delete" in refused.value.remedy
    assert contents(hub) == {"one", "two"}
    hub.delete("bob/other")
    assert collect_folder(hub).blobs == 1
    assert contents(hub) == {"one"}


def test_a_commit_that_another_program_has_moved_keeps_its_blobs(
    hub: FolderHub, tmp_path: Path
) -> None:
    push(hub, tmp_path, "one")
    place = hub.root / "repos/ann/lenet"
    place.rename(place.with_name("lenet (copy)"))
    history = hub.root / "repos/ann/lenet (copy)/history"
    (history / "00000001.json").rename(history / "00000001 (conflict).json")
    age(hub)
    assert collect_folder(hub).blobs == 0


class Between(FolderBlobs):
    """Blobs of a push in whose midst something happens once a blob was found, or was stored."""

    def store(self, source: Path, digest: str) -> bool:
        sent = super().store(source, digest)
        self.then()
        return sent

    @staticmethod
    def then() -> None:
        """What happens."""


@pytest.mark.parametrize("grace", [3600.0, -3600.0])
def test_a_push_that_finds_a_freed_blob_keeps_it_though_a_collector_runs_at_that_moment(
    hub: FolderHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, grace: float
) -> None:
    """With the negative grace the collector takes even what the push has made look new."""
    push(hub, tmp_path, "freed")
    hub.delete(REPO)
    age(hub)
    other = FolderHub(hub.root)
    other.blobs = Between(hub.root / "blobs")
    taken = []
    monkeypatch.setattr(
        Between, "then", lambda _: taken.append(collect_folder(hub, grace_seconds=grace).blobs)
    )
    push(other, tmp_path, "freed", repo="bob/new")
    assert taken[0] == (grace < 0)
    assert hub.read(hub.snapshot("bob/new"), "file", limit=9) == b"freed"


def test_a_commit_that_comes_between_choosing_and_removing_keeps_its_blob(
    hub: FolderHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(hub, tmp_path, "freed")
    hub.delete(REPO)
    age(hub)
    glob = Path.glob
    asked: list[str] = []

    def late(path: Path, pattern: str, **others: bool) -> object:  # Python 3.13 asks by itself
        if path == hub.root / "blobs" and not asked:
            asked.append(pattern)
            push(FolderHub(hub.root), tmp_path, "freed", repo="bob/new")
            age(hub)
        return glob(path, pattern, **others)

    monkeypatch.setattr(Path, "glob", late)
    assert collect_folder(hub).blobs == 0
    assert asked
    assert hub.read(hub.snapshot("bob/new"), "file", limit=9) == b"freed"


def test_only_a_folder_that_is_there_is_collected(hub: FolderHub) -> None:
    with pytest.raises(HubNotFoundError, match="no folder"):
        collect_folder(hub)
    with pytest.raises(HubError, match="is no folder"):
        front.collect_hub("http://127.0.0.1:9")
