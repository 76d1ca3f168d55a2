from __future__ import annotations

import errno
import os
import pickle
from pathlib import Path

import pytest

from ticket_hub import durable
from ticket_hub.durable import make_folder, open_durable, sweep, write_bytes, write_json
from ticket_hub.errors import StorageError

TROUBLES = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "quota",
    errno.EIO: "the disk reported an error",
    errno.EROFS: "read-only",
}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_write_replaces_what_was_there(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a", b"old")
    write_bytes(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new"
    assert names(tmp_path) == ["a"]


def test_missing_folders_are_made(tmp_path: Path) -> None:
    write_bytes(tmp_path / "one/two/three", b"x")
    assert (tmp_path / "one/two/three").read_bytes() == b"x"


def test_the_order_is_write_sync_rename_sync_of_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    fsync, replace = os.fsync, os.replace

    def watch_fsync(handle: int) -> None:
        kind = "folder" if os.path.isdir(f"/proc/self/fd/{handle}") else "file"  # noqa: PTH112 - os speaks of handles, too
        calls.append(f"sync {kind}")
        fsync(handle)

    def watch_replace(source: Path, target: Path) -> None:
        calls.append("rename")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", watch_fsync)
    monkeypatch.setattr(os, "replace", watch_replace)
    write_bytes(tmp_path / "a", b"x")
    assert calls == ["sync file", "rename", "sync folder"]


@pytest.mark.parametrize("number", TROUBLES, ids=lambda number: errno.errorcode[number])
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_after_trouble_the_old_file_stands_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, call: str
) -> None:
    write_bytes(tmp_path / "a", b"old")

    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(StorageError, match=TROUBLES[number]) as caught:
            write_bytes(tmp_path / "a", b"new")
    assert "intact" in caught.value.remedy
    assert (tmp_path / "a").read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_a_file_whose_sync_failed_is_not_synced_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def fail(handle: int) -> None:
        calls.append(handle)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageError):
        write_bytes(tmp_path / "a", b"new")
    assert len(calls) == 1


def test_an_error_of_the_writer_leaves_nothing(tmp_path: Path) -> None:
    def write() -> None:
        with open_durable(tmp_path / "a") as stream:
            stream.write(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write()
    assert names(tmp_path) == []


def test_a_folder_where_a_file_stands_is_told_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="could not be written") as caught:
        write_bytes(tmp_path / "file/a", b"x")
    assert caught.value.remedy


def test_a_name_that_no_folder_can_have_is_told_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="could not be written"):
        make_folder(tmp_path / ("a" * 300))


def test_the_error_survives_the_way_between_processes() -> None:
    error = StorageError("The disk is full.", "Free some space.")
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.remedy) == (str(error), error.remedy)


def test_sweeping_removes_only_what_interrupted_writes_left(tmp_path: Path) -> None:
    write_bytes(tmp_path / "deep/a", b"x")
    (tmp_path / "deep/.a.0123456789ab.part").write_bytes(b"ha")
    (tmp_path / "notes.part").write_bytes(b"mine")
    assert sweep(tmp_path) == 1
    assert names(tmp_path / "deep") == ["a"]
    assert names(tmp_path) == ["deep", "notes.part"]


def test_json_is_the_same_bytes_whatever_the_order_of_its_keys(tmp_path: Path) -> None:
    write_json(tmp_path / "a", {"x": 1, "y": [1.5, None]})
    write_json(tmp_path / "b", {"y": [1.5, None], "x": 1})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert durable.canonical_json({"y": 1, "x": "ü"}) == '{"x":"ü","y":1}'.encode()


def test_json_without_a_number_for_nan_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a", float("nan"))
    assert names(tmp_path) == []
