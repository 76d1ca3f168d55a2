from __future__ import annotations

import errno
import json
import os
import threading
from contextlib import nullcontext
from pathlib import Path

import pytest

from ticket_hub.errors import HubConflictError, HubError, HubNotFoundError, StorageError
from ticket_hub.hub.base import Pushed
from ticket_hub.hub.folder import FolderHub

REPO = "ann/lenet"


@pytest.fixture
def hub(tmp_path: Path) -> FolderHub:
    return FolderHub(tmp_path / "hub")


def test_a_file_is_no_hub(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(HubError, match="is a file, and no hub"):
        FolderHub(tmp_path / "file")


def push(
    hub: FolderHub,
    folder: Path,
    contents: dict[str, str],
    *,
    parent: str | None = None,
    repo: str = REPO,
) -> Pushed:
    files = []
    for name, text in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        files.append((name, path))
    return hub.push(repo, files, message="push", parent=parent)


def test_what_is_pushed_can_be_read_back(hub: FolderHub, tmp_path: Path) -> None:
    push(hub, tmp_path, {"ticket.json": "{}", "masks/0/1.safetensors": "bits"})
    snapshot = hub.snapshot(REPO)
    assert [file.path for file in snapshot.files] == ["masks/0/1.safetensors", "ticket.json"]
    assert hub.read(snapshot, "ticket.json", limit=100) == b"{}"
    hub.download(snapshot, "masks/0/1.safetensors", tmp_path / "out", offset=0, most=100)
    assert (tmp_path / "out").read_text() == "bits"


def test_a_download_goes_on_where_it_stopped(hub: FolderHub, tmp_path: Path) -> None:
    push(hub, tmp_path, {"ticket.json": "0123456789"})
    (tmp_path / "out").write_text("0123")
    hub.download(hub.snapshot(REPO), "ticket.json", tmp_path / "out", offset=4, most=10)
    assert (tmp_path / "out").read_text() == "0123456789"


def test_the_same_push_again_makes_no_commit_and_sends_nothing(
    hub: FolderHub, tmp_path: Path
) -> None:
    first = push(hub, tmp_path, {"ticket.json": "{}"})
    again = push(hub, tmp_path, {"ticket.json": "{}"}, parent=first.commit)
    assert (again.commit, again.uploaded) == (first.commit, ())


def test_bytes_that_any_repository_has_are_not_sent_again(hub: FolderHub, tmp_path: Path) -> None:
    push(hub, tmp_path, {"ticket.json": "{}", "theta0": "weights"})
    other = push(hub, tmp_path, {"ticket.json": "[]", "theta0": "weights"}, repo="bob/lenet")
    assert other.uploaded == ("ticket.json",)


def test_a_push_that_has_not_seen_the_head_changes_nothing(hub: FolderHub, tmp_path: Path) -> None:
    first = push(hub, tmp_path, {"ticket.json": "1"})
    push(hub, tmp_path, {"ticket.json": "2"}, parent=first.commit)
    with pytest.raises(HubConflictError, match="push again"):
        push(hub, tmp_path, {"ticket.json": "3"}, parent=first.commit)
    assert hub.read(hub.snapshot(REPO), "ticket.json", limit=9) == b"2"


def test_of_many_pushes_at_once_exactly_one_wins(hub: FolderHub, tmp_path: Path) -> None:
    parent = push(hub, tmp_path, {"ticket.json": "start"}).commit
    start, won, lost = threading.Barrier(8), [], []

    def racer(number: int) -> None:
        (tmp_path / str(number)).mkdir()
        start.wait()
        try:
            won.append(
                push(hub, tmp_path / str(number), {"ticket.json": str(number)}, parent=parent)
            )
        except HubConflictError:
            lost.append(number)

    threads = [threading.Thread(target=racer, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(lost)) == (1, 7)
    assert hub.snapshot(REPO).commit == won[0].commit


def test_an_older_commit_stays_readable(hub: FolderHub, tmp_path: Path) -> None:
    first = push(hub, tmp_path, {"ticket.json": "1"})
    push(hub, tmp_path, {"ticket.json": "2"}, parent=first.commit)
    assert hub.read(hub.snapshot(REPO, first.commit), "ticket.json", limit=9) == b"1"


def test_a_tag_names_a_commit_for_ever(hub: FolderHub, tmp_path: Path) -> None:
    first = push(hub, tmp_path, {"ticket.json": "1"})
    hub.tag(REPO, "v1")
    push(hub, tmp_path, {"ticket.json": "2"}, parent=first.commit)
    assert hub.snapshot(REPO, "v1").commit == first.commit
    assert hub.tags(REPO) == {"v1": first.commit}
    with pytest.raises(HubConflictError, match="never moved"):
        hub.tag(REPO, "v1")


@pytest.mark.parametrize("revision", ["0" * 40, "abcdef0", "../main", "v9"])
def test_a_missing_revision_is_said(hub: FolderHub, tmp_path: Path, revision: str) -> None:
    push(hub, tmp_path, {"ticket.json": "1"})
    with pytest.raises(HubNotFoundError, match="revision"):
        hub.snapshot(REPO, revision)


def test_a_missing_repository_is_said(hub: FolderHub, tmp_path: Path) -> None:
    push(hub, tmp_path, {"ticket.json": "{}"})
    with pytest.raises(HubNotFoundError, match="ann/nothing"):
        hub.snapshot("ann/nothing")


def test_repositories_are_listed_newest_first_and_by_owner(hub: FolderHub, tmp_path: Path) -> None:
    push(hub, tmp_path, {"ticket.json": "1"})
    push(hub, tmp_path, {"ticket.json": "1"}, repo="bob/vgg")
    push(hub, tmp_path, {"other.txt": "1"}, repo="bob/no-ticket")
    assert list(hub.repositories()) == ["bob/vgg", REPO]
    assert list(hub.repositories(owner="ann")) == [REPO]


def test_a_deleted_repository_is_gone(hub: FolderHub, tmp_path: Path) -> None:
    push(hub, tmp_path, {"ticket.json": "1"})
    hub.delete(REPO)
    with pytest.raises(HubNotFoundError):
        hub.snapshot(REPO)


def test_a_file_over_the_limit_is_not_read(hub: FolderHub, tmp_path: Path) -> None:
    push(hub, tmp_path, {"ticket.json": "x" * 100})
    with pytest.raises(HubError, match="more than 10 bytes"):
        hub.read(hub.snapshot(REPO), "ticket.json", limit=10)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a//b", "."])
def test_a_tampered_commit_is_refused(hub: FolderHub, tmp_path: Path, name: str) -> None:
    push(hub, tmp_path, {"ticket.json": "1"})
    (path,) = (tmp_path / "hub/repos/ann/lenet/history").glob("*.json")
    record = json.loads(path.read_text())
    record["files"][name] = record["files"]["ticket.json"]
    path.write_text(json.dumps(record))
    with pytest.raises(HubError, match="damaged"):
        hub.snapshot(REPO)


def test_a_folder_of_something_else_is_not_taken_for_a_hub(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(HubError, match=r"no hub\.json"):
        FolderHub(tmp_path)


def test_a_blob_that_is_larger_than_promised_is_cut_off(hub: FolderHub, tmp_path: Path) -> None:
    push(hub, tmp_path, {"ticket.json": "0123456789"})
    with pytest.raises(HubError, match="larger than its manifest says"):
        hub.download(hub.snapshot(REPO), "ticket.json", tmp_path / "out", offset=0, most=5)


def test_a_folder_that_is_not_there_is_no_hub_without_tickets(hub: FolderHub) -> None:
    for ask in (lambda: list(hub.repositories()), lambda: hub.snapshot(REPO)):
        with pytest.raises(HubNotFoundError, match="share is mounted"):
            ask()


def test_a_push_that_changes_nothing_names_the_same_place(hub: FolderHub, tmp_path: Path) -> None:
    first = push(hub, tmp_path, {"ticket.json": "{}"})
    assert Path(first.url).is_dir()
    assert first.url == hub.url(REPO)


def test_the_same_tag_for_the_same_commit_again_is_no_conflict(
    hub: FolderHub, tmp_path: Path
) -> None:
    first = push(hub, tmp_path, {"ticket.json": "1"})
    hub.tag(REPO, "v1")
    hub.tag(REPO, "v1", revision=first.commit)
    assert hub.tags(REPO) == {"v1": first.commit}


def test_a_push_that_is_repeated_since_nobody_knows_whether_it_came_through_is_the_same(
    hub: FolderHub, tmp_path: Path
) -> None:
    first = push(hub, tmp_path, {"ticket.json": "1"})
    second = push(hub, tmp_path, {"ticket.json": "2"}, parent=first.commit)
    again = push(hub, tmp_path, {"ticket.json": "2"}, parent=first.commit)
    assert again.commit == second.commit
    assert len(list((tmp_path / "hub/repos/ann/lenet/history").iterdir())) == 2


@pytest.mark.parametrize("call", ["link", "unlink", "fsync"])
@pytest.mark.parametrize("what", ["push", "tag"])
def test_an_error_at_the_moment_of_publishing_is_said_and_the_same_again_succeeds(
    hub: FolderHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, what: str
) -> None:
    parent = push(hub, tmp_path, {"ticket.json": "1"}).commit
    goal = {"push": "00000002.json", "tag": "v1.json"}[what]

    def act() -> None:
        if what == "push":
            push(hub, tmp_path, {"ticket.json": "2"}, parent=parent)
        else:
            hub.tag(REPO, "v1", revision=parent)

    # Where only the draft cannot be removed, it is a leftover like any other.
    said = pytest.raises(StorageError, match="Run the same") if call != "unlink" else nullcontext()
    with monkeypatch.context() as patched, said:
        failing(patched, call, goal)
        act()
    act()
    act()
    assert hub.read(hub.snapshot(REPO), "ticket.json", limit=9) == (
        b"2" if what == "push" else b"1"
    )
    assert hub.tags(REPO) == ({} if what == "push" else {"v1": parent})


def failing(patched: pytest.MonkeyPatch, call: str, goal: str) -> None:
    """Let one system call fail as soon as the file of this name is published, or is to be."""
    real = {name: getattr(os, name) for name in ("link", "unlink", "fsync")}
    out = []

    def link(source: Path, target: Path) -> None:
        if call == "link" and Path(target).name == goal:
            raise OSError(errno.EIO, "Input/output error")
        real["link"](source, target)
        out.append(Path(target).name == goal)

    def unlink(path: Path, **options: object) -> None:
        if call == "unlink" and any(out) and str(path).endswith(".draft"):
            raise OSError(errno.EIO, "Input/output error")
        real["unlink"](path, **options)

    def fsync(handle: int) -> None:
        if call == "fsync" and any(out):
            raise OSError(errno.EIO, "Input/output error")
        real["fsync"](handle)

    for name, function in {"link": link, "unlink": unlink, "fsync": fsync}.items():
        patched.setattr(os, name, function)


def test_a_link_that_succeeds_and_is_reported_as_taken_is_ours(
    hub: FolderHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on NFS, where an answer is lost and the request is sent a second time."""
    link = os.link

    def twice(source: Path, target: Path) -> None:
        link(source, target)
        link(source, target)

    monkeypatch.setattr(os, "link", twice)
    assert push(hub, tmp_path, {"ticket.json": "1"}).commit == hub.snapshot(REPO).commit
