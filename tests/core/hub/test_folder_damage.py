"""A lab's folder after anything has happened to it: listings go on, and a push mends or refuses."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ticket_hub.bundle import layout, verify_bundle
from ticket_hub.errors import (
    BundleError,
    HubError,
    HubNotFoundError,
    HubUnavailableError,
    TicketHubError,
)
from ticket_hub.hub import Cache, Query, pull, push, search
from ticket_hub.hub.folder import FolderHub

GOLDEN = Path(__file__).resolve().parents[2] / "golden/format-1"
REPO = "ann/golden"
Damage = Callable[[Path], None]


def flip(blob: Path) -> None:
    data = bytearray(blob.read_bytes())
    data[len(data) // 2] ^= 1
    blob.chmod(0o644)
    blob.write_bytes(data)
    blob.chmod(0o444)


def truncate(blob: Path) -> None:
    blob.chmod(0o644)
    blob.write_bytes(blob.read_bytes()[:-1])
    blob.chmod(0o444)


def empty(blob: Path) -> None:
    blob.chmod(0o644)
    blob.write_bytes(b"")


def remove(blob: Path) -> None:
    blob.unlink()


DAMAGES = [flip, truncate, empty, remove]


@pytest.fixture(scope="module")
def pushed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("shared") / "hub"
    push(FolderHub(root), GOLDEN, REPO)
    return root


@pytest.fixture
def hub(pushed: Path, tmp_path: Path) -> FolderHub:
    """A hub of its own that holds one ticket."""
    return FolderHub(Path(shutil.copytree(pushed, tmp_path / "hub")))


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def blobs(hub: FolderHub) -> list[Path]:
    return sorted((hub.root / "blobs").glob("*/*"))


def blob_of(hub: FolderHub, name: str) -> Path:
    (found,) = [file for file in hub.snapshot(REPO).files if file.path == name]
    return hub.blobs.path(str(found.sha256))


def listed(hub: FolderHub) -> tuple[list[str], list[TicketHubError]]:
    told: list[TicketHubError] = []
    return [each.repo for each in search(hub, Query(), report=told.append)], told


def commit_file(hub: FolderHub, repo: str) -> Path:
    return hub.root / f"repos/{repo}/history/00000001.json"


# What is pushed can be pulled


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_push_mends_every_blob_at_once(hub: FolderHub, cache: Cache, damage: Damage) -> None:
    for blob in blobs(hub):
        damage(blob)
    with pytest.raises((BundleError, HubError)):
        pull(hub, REPO, level="all", cache=cache)
    before = hub.snapshot(REPO).commit
    again = push(hub, GOLDEN, REPO)
    assert again.commit == before
    assert len(again.uploaded) >= len(blobs(hub))
    assert verify_bundle(pull(hub, REPO, level="all", cache=cache).folder).holds


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", [layout.MANIFEST, layout.CARD, "theta0/0.safetensors"])
def test_a_push_mends_one_blob_and_sends_no_other(
    hub: FolderHub, cache: Cache, name: str, damage: Damage
) -> None:
    damage(blob_of(hub, name))
    assert push(hub, GOLDEN, REPO).uploaded == (name,)
    assert verify_bundle(pull(hub, REPO, level="all", cache=cache).folder).holds


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_push_to_a_new_name_does_not_lean_on_damaged_bytes(
    hub: FolderHub, cache: Cache, damage: Damage
) -> None:
    for blob in blobs(hub):
        damage(blob)
    push(hub, GOLDEN, "bob/copy")
    assert verify_bundle(pull(hub, "bob/copy", level="all", cache=cache).folder).holds


def test_a_push_that_cannot_mend_is_refused(hub: FolderHub) -> None:
    blob = blob_of(hub, layout.MANIFEST)
    blob.unlink()
    blob.mkdir()
    with pytest.raises(TicketHubError, match=r"could not be written|cannot be read"):
        push(hub, GOLDEN, REPO)


def test_a_card_that_somebody_wrote_and_that_was_damaged_gives_way(
    hub: FolderHub, cache: Cache, tmp_path: Path
) -> None:
    words = tmp_path / "words.md"
    words.write_text("# My own words\n")
    head = hub.snapshot(REPO).commit
    hub.push(REPO, [(layout.CARD, words)], message="mine", parent=head)
    flip(blob_of(hub, layout.CARD))
    push(hub, GOLDEN, REPO)
    card = (GOLDEN / layout.CARD).read_bytes()
    assert hub.read(hub.snapshot(REPO), layout.CARD, limit=1 << 20) == card
    assert verify_bundle(pull(hub, REPO, level="all", cache=cache).folder).holds


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_said_with_what_mends_it(hub: FolderHub, cache: Cache, damage: Damage) -> None:
    damage(blob_of(hub, layout.MANIFEST))
    with pytest.raises((BundleError, HubNotFoundError)) as refused:
        pull(hub, REPO, cache=cache)
    assert "push it again" in refused.value.remedy


# Listings


def what_is_no_commit(hub: FolderHub, repo: str) -> list[bytes]:
    good = json.loads(commit_file(hub, repo).read_bytes())
    return [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        json.dumps(good | {"message": "another"}).encode(),
        json.dumps({"id": 3, "files": {"a": [1, "2"]}}).encode(),
    ]


@pytest.mark.parametrize("number", range(8))
def test_one_damaged_commit_hides_no_other_repository_and_is_named_once(
    hub: FolderHub, number: int
) -> None:
    push(hub, GOLDEN, "bob/other")
    path = commit_file(hub, "bob/other")
    path.write_bytes(what_is_no_commit(hub, "bob/other")[number])
    repos, told = listed(hub)
    assert repos == [REPO]
    assert [str(path) in error.problem for error in told] == [True]
    hub.delete("bob/other")
    assert listed(hub) == ([REPO], [])


def test_a_commit_under_another_number_is_damage(hub: FolderHub) -> None:
    shutil.copy(commit_file(hub, REPO), commit_file(hub, REPO).with_name("00000009.json"))
    with pytest.raises(HubError, match="damaged"):
        hub.snapshot(REPO)


@pytest.mark.parametrize("foreign", ["@eaDir/x", "#recycle/a", "ann/a--b", "ann/a b", "ann/x.git"])
def test_folders_of_other_programs_are_passed_over_and_named(hub: FolderHub, foreign: str) -> None:
    (hub.root / "repos" / foreign / "history").mkdir(parents=True)
    repos, told = listed(hub)
    assert repos == [REPO]
    assert [foreign in error.problem for error in told] == [True]


@pytest.mark.parametrize(
    "leftover",
    ["ann/.DS_Store", "ann/golden/history/._00000001.json", "ann/golden/history/Thumbs.db",
     "ann/golden/history/.00000002.json.0a.draft", "ann/golden/history/00000001 (copy).json"],
)  # fmt: skip
def test_files_of_other_programs_change_nothing(hub: FolderHub, leftover: str) -> None:
    (hub.root / "repos" / leftover).write_bytes(b"\0")
    assert listed(hub) == ([REPO], [])


def test_what_a_killed_delete_has_left_is_nothing_that_anybody_sees(hub: FolderHub) -> None:
    push(hub, GOLDEN, "bob/other")
    place = hub.root / "repos/bob/other"
    place.rename(place.with_name(".other.deleted-0123456789ab"))
    assert listed(hub) == ([REPO], [])
    push(hub, GOLDEN, "bob/other")
    assert set(listed(hub)[0]) == {REPO, "bob/other"}


def test_a_search_bears_that_another_machine_deletes(hub: FolderHub) -> None:
    push(hub, GOLDEN, "bob/other")
    repos = hub.repositories()
    first = next(repos)
    other = ({REPO, "bob/other"} - {first}).pop()
    hub.delete(other)
    assert list(repos) == [other]
    with pytest.raises(HubNotFoundError):
        hub.snapshot(other)
    assert listed(hub) == ([first], [])


def test_of_two_deletes_one_finds_nothing(hub: FolderHub, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = Path.rename

    def late(path: Path, target: Path) -> Path:
        monkeypatch.setattr(Path, "rename", rename)
        FolderHub(hub.root).delete(REPO)
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", late)
    with pytest.raises(HubNotFoundError, match="There is no ann/golden"):
        hub.delete(REPO)


def test_a_lost_or_damaged_blob_hides_no_other_repository(hub: FolderHub) -> None:
    push(hub, GOLDEN, "bob/other")
    words = hub.root.parent / "words"
    words.write_text("{}")
    head = hub.snapshot("bob/other").commit
    hub.push("bob/other", [(layout.MANIFEST, words)], message="x", parent=head)
    snapshot = hub.snapshot("bob/other")
    (manifest,) = [file for file in snapshot.files if file.path == layout.MANIFEST]
    flip(hub.blobs.path(str(manifest.sha256)))
    repos, told = listed(hub)
    assert repos == [REPO]
    assert ["bob/other" in error.problem for error in told] == [True]


def test_a_damaged_tag_hides_no_other(hub: FolderHub) -> None:
    hub.tag(REPO, "v1")
    hub.tag(REPO, "v2")
    (hub.root / "repos/ann/golden/tags/v1.json").write_text("{")
    (hub.root / "repos/ann/golden/tags/._v2.json").write_text("\0")
    told: list[TicketHubError] = []
    assert list(hub.tags(REPO, report=told.append)) == ["v2"]
    assert ["v1.json" in error.problem for error in told] == [True]


def test_a_damaged_older_commit_hides_no_other(hub: FolderHub, tmp_path: Path) -> None:
    first = hub.snapshot(REPO).commit
    (tmp_path / "words").write_text("words")
    second = hub.push(REPO, [("a", tmp_path / "words")], message="2", parent=first).commit
    third = hub.push(REPO, [("b", tmp_path / "words")], message="3", parent=second).commit
    (hub.root / "repos/ann/golden/history/00000002.json").write_text("{")
    assert hub.snapshot(REPO, first).commit == first
    assert hub.snapshot(REPO, third).commit == third
    with pytest.raises(HubError, match="damaged"):
        hub.snapshot(REPO, second)


def test_a_hub_that_cannot_be_read_at_all_is_no_empty_one(
    hub: FolderHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(hub, GOLDEN, "bob/other")

    def refuse(*_: object, **__: object) -> bytes:
        raise HubUnavailableError("The share does not answer.", "Mount it again.")

    monkeypatch.setattr(hub.blobs, "read", refuse)
    with pytest.raises(HubUnavailableError, match="does not answer"):
        listed(hub)
