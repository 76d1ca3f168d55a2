"""File systems that lack what Ticket Hub asks for: what still works there, and what is refused."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ticket_hub import file_system
from ticket_hub.bundle import verify_bundle
from ticket_hub.durable import make_folder, write_bytes
from ticket_hub.errors import StorageError
from ticket_hub.hub.cache import Cache
from ticket_hub.hub.folder import FolderHub
from ticket_hub.hub.pull import pull
from ticket_hub.hub.push import push
from ticket_hub.runs.lock import acquire, hold, is_held

GOLDEN = Path(__file__).resolve().parents[1] / "golden/format-1"
REPO = "ann/digits"


def refusing(number: int) -> Callable[..., Any]:
    """A call to the system that always fails."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return refuse


@pytest.fixture
def no_links(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", refusing(errno.EPERM))


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_without_locks_nothing_is_owned_and_the_refusal_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    write_bytes(tmp_path / "lock", b"process 1 on elsewhere")
    monkeypatch.setattr(fcntl, "flock", refusing(number))
    with pytest.raises(StorageError, match="gives no locks") as refused, hold(tmp_path / "lock"):
        pass
    assert "being worked on" not in str(refused.value)
    assert "--out" in refused.value.remedy
    assert not is_held(tmp_path / "lock")


def test_a_lock_that_is_taken_is_no_missing_lock(tmp_path: Path) -> None:
    handle = acquire(tmp_path / "lock")
    assert is_held(tmp_path / "lock")
    os.close(handle)
    assert not is_held(tmp_path / "lock")


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF])
def test_a_folder_that_cannot_be_synced_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    fsync, synced = os.fsync, []

    def files_only(handle: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{handle}"):  # noqa: PTH112 - a handle
            raise OSError(number, os.strerror(number))
        synced.append(handle)
        fsync(handle)

    monkeypatch.setattr(os, "fsync", files_only)
    make_folder(tmp_path / "one/two")
    write_bytes(tmp_path / "one/two/a", b"whole")
    assert (tmp_path / "one/two/a").read_bytes() == b"whole"
    assert len(synced) == 1


def test_a_folder_whose_disk_is_broken_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", refusing(errno.EIO))
    with pytest.raises(StorageError, match="the disk reported an error"):
        make_folder(tmp_path / "one")


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.EPERM, "permissions"),
        (errno.ENOTSUP, "another file system"),
        (errno.EINVAL, "another file system"),
    ],
)
def test_what_a_file_system_cannot_do_is_never_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, advice: str
) -> None:
    monkeypatch.setattr(os, "replace", refusing(number))
    with pytest.raises(StorageError, match="file system") as refused:
        write_bytes(tmp_path / "a", b"x")
    assert advice in refused.value.remedy
    assert "space" not in refused.value.remedy


def test_on_macos_a_file_is_synced_past_the_cache_of_the_disk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    answers: list[int] = [0, errno.ENOTSUP, errno.EIO]

    def control(_handle: int, command: int) -> None:
        asked.append(f"fcntl {command}")
        if number := answers.pop(0):
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr(file_system, "fcntl", SimpleNamespace(F_FULLFSYNC=51, fcntl=control))
    monkeypatch.setattr(os, "fsync", lambda _: asked.append("fsync"))
    file_system.sync_file(7)
    assert asked == ["fcntl 51"]
    file_system.sync_file(7)  # a share, which knows fsync only
    assert asked == ["fcntl 51"] * 2 + ["fsync"]
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):  # never tried again by other means
        file_system.sync_file(7)
    assert asked[-1] == "fcntl 51"


@pytest.mark.usefixtures("no_links")
def test_a_shared_folder_without_links_can_be_pushed_to_tagged_and_pulled_from(
    tmp_path: Path,
) -> None:
    hub, cache = FolderHub(tmp_path / "hub"), Cache(tmp_path / "cache")
    commit = push(hub, GOLDEN, REPO).commit
    hub.tag(REPO, "v1")
    assert hub.tags(REPO) == {"v1": commit}
    pulled = pull(hub, REPO, cache=cache, level="all")
    assert verify_bundle(pulled.folder).holds
    assert not list((tmp_path / "hub").rglob("*.draft"))


@pytest.mark.usefixtures("no_links")
def test_of_many_who_publish_without_links_exactly_one_is_first(tmp_path: Path) -> None:
    drafts = [tmp_path / f"draft-{number}" for number in range(8)]
    for draft in drafts:
        draft.write_text(draft.name)
    start, first = threading.Barrier(8), []

    def racer(draft: Path) -> None:
        start.wait()
        if file_system.name_new(draft, tmp_path / "1.json"):
            first.append(draft.name)

    threads = [threading.Thread(target=racer, args=(draft,)) for draft in drafts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [(tmp_path / "1.json").read_text()] == first


@pytest.mark.usefixtures("no_links")
def test_where_a_name_cannot_be_taken_atomically_a_push_is_refused_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def renameat2(*_: object) -> int:
        ctypes.set_errno(errno.EINVAL)
        return -1

    library = SimpleNamespace(renameat2=renameat2, renamex_np=renameat2)
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: library)
    hub = FolderHub(tmp_path / "hub")
    with pytest.raises(StorageError, match="without hard links"):
        push(hub, GOLDEN, REPO)
    assert not [path for path in (tmp_path / "hub/repos").rglob("*") if path.is_file()]


@pytest.mark.usefixtures("no_links")
def test_a_cache_without_links_keeps_what_its_bundles_need(tmp_path: Path) -> None:
    hub, cache = FolderHub(tmp_path / "hub"), Cache(tmp_path / "cache")
    push(hub, GOLDEN, REPO)
    pull(hub, REPO, cache=cache, level="all")
    stray = cache.blob("0" * 64)
    write_bytes(stray, b"of no bundle")
    cache.prune()
    again = pull(hub, REPO, cache=cache, level="all", local_files_only=True)
    assert verify_bundle(again.folder).holds
    assert not stray.exists()


@pytest.mark.parametrize("call", ["chmod", "fchmod"])
def test_without_modes_tickets_are_pushed_and_pulled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    monkeypatch.setattr(os, call, refusing(errno.EPERM))
    hub, cache = FolderHub(tmp_path / "hub"), Cache(tmp_path / "cache")
    push(hub, GOLDEN, REPO)
    assert verify_bundle(pull(hub, REPO, cache=cache, level="all").folder).holds


def test_a_cache_without_locks_is_pulled_into_and_left_tidy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub, cache = FolderHub(tmp_path / "hub"), Cache(tmp_path / "cache")
    push(hub, GOLDEN, REPO)
    monkeypatch.setattr(fcntl, "flock", refusing(errno.ENOSYS))
    assert verify_bundle(pull(hub, REPO, cache=cache, level="all").folder).holds
    left = list((tmp_path / "cache/partial").iterdir())
    assert {path.suffix for path in left} == {".lock"}


# What Windows lacks is hidden after PyTorch, which has its own ways there, and before Ticket Hub.
WINDOWS = """
import fcntl, os, signal, stat, sys, types
import numpy, safetensors.torch, scipy.stats, torch, huggingface_hub, multiprocessing.util
import tempfile, subprocess, matplotlib.figure

flock, exclusive, busy = fcntl.flock, fcntl.LOCK_EX, fcntl.LOCK_NB
locks = types.ModuleType("msvcrt")
locks.LK_LOCK, locks.LK_NBLCK = 1, 2
locks.locking = lambda handle, how, count: flock(handle, exclusive | busy * (how == 2))
sys.modules |= {"fcntl": None, "msvcrt": locks, "resource": None, "grp": None, "termios": None,
                "pwd": None}
for name in ("O_NOFOLLOW", "O_DIRECTORY", "O_NONBLOCK", "O_CLOEXEC", "pread", "pwrite", "getuid",
             "killpg", "getpgrp", "fork", "sched_getaffinity", "getloadavg"):
    delattr(os, name)
delattr(signal, "SIGHUP")
os.supports_dir_fd = set()
from ticket_hub_cli.main import run

for line in sys.stdin:
    print("$", line.strip(), flush=True)
    if code := run(line.split()):
        sys.exit(code)
"""


def test_all_that_people_do_with_tickets_works_without_what_windows_lacks(tmp_path: Path) -> None:
    small = "training.iterations=20 training.evaluate_every=10 search.levels=1 search.trials=2"
    settings = " ".join(f"--set {each}" for each in small.split())
    lines = [
        f"find digits-quick {settings} --workers 1 --out run",
        "list",
        "show run",
        "push run ann/digits --hub hub",
        "search --hub hub",
        "pull ann/digits:1 --hub hub",
        "verify --partial ann/digits",
        "retrain run:1 --against reinit --trials 2 --workers 1",
    ]
    ended = subprocess.run(
        [sys.executable, "-c", WINDOWS],
        input="\n".join(lines),
        cwd=tmp_path,
        env=os.environ | {"TICKET_HOME": str(tmp_path / "home"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stdout.count("$ ") == len(lines)


def test_without_folders_that_can_be_opened_links_are_refused_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner/file").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "inner")
    (tmp_path / "inner/other").symlink_to("file")
    for known in (os.supports_dir_fd, set()):
        monkeypatch.setattr(os, "supports_dir_fd", known)
        os.close(file_system.open_within(tmp_path, ["inner", "file"]))
        for parts in (["link", "file"], ["inner", "other"]):
            with pytest.raises(OSError, match=r"symbolic|directory"):
                file_system.open_within(tmp_path, parts)
