"""Backing a running hub up, and bringing it back."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd, HfApi

from tests.helpers.forked import running_hub
from ticket_hub.errors import HubConflictError, HubError, StorageError
from ticket_hub_api import operation
from ticket_hub_api.background import RunningHub
from ticket_hub_api.settings import Settings

Start = Callable[..., RunningHub]
MAX_BACKUPS = 6  # the slower a machine is, the more would be made beside the same pushes


def push(hub: RunningHub, name: str, seed: int, size: int = 300_000) -> str:
    api = HfApi(endpoint=hub.endpoint, token=hub.token)
    repository: str = api.create_repo(name, exist_ok=True).repo_id
    content = random.Random(seed).randbytes(size)
    api.create_commit(
        repository, [CommitOperationAdd(f"w{seed}.bin", content)], commit_message="push"
    )
    return repository


def content(hub: RunningHub, repository: str, name: str, tmp_path: Path) -> bytes:
    api = HfApi(endpoint=hub.endpoint, token=hub.token)
    return Path(api.hf_hub_download(repository, name, local_dir=tmp_path)).read_bytes()


def test_what_was_backed_up_while_it_ran_comes_back_whole(tmp_path: Path, start: Start) -> None:
    hub = start(folder=tmp_path / "hub")
    repository = push(hub, "r", 1)
    made = operation.back_up(hub.settings, tmp_path / "backup")
    assert made["copied"] == made["contents"]
    hub.stop()
    again = Settings(folder=tmp_path / "again")
    operation.restore(again, tmp_path / "backup")
    assert not list(operation.find_damage(again, contents=True))
    with running_hub(again) as back:
        known = RunningHub(back.process, back.endpoint, hub.token, again, back.port)
        assert content(known, repository, "w1.bin", tmp_path / "f") == random.Random(1).randbytes(
            300_000
        )


def test_a_second_backup_copies_only_what_is_new(tmp_path: Path, start: Start) -> None:
    hub = start(folder=tmp_path / "hub")
    push(hub, "r", 1)
    first = operation.back_up(hub.settings, tmp_path / "backup")
    push(hub, "r", 2)
    second = operation.back_up(hub.settings, tmp_path / "backup")
    assert first["copied"] == first["contents"]
    counts = [int(str(value)) for value in (first["contents"], second["copied"])]
    assert second["copied"]
    assert second["contents"] == sum(counts)


def test_a_backup_between_pushes_is_one_moment_of_the_hub(tmp_path: Path, start: Start) -> None:
    hub = start(folder=tmp_path / "hub")
    push(hub, "r", 0, 2000)
    done = threading.Event()

    def keep_pushing() -> None:
        for seed in range(1, 12):
            push(hub, "r", seed, 2000)
        done.set()

    pusher = threading.Thread(target=keep_pushing)
    pusher.start()
    count = 0
    while not done.is_set() and count < MAX_BACKUPS:
        operation.back_up(hub.settings, tmp_path / f"backup{count}")
        count += 1
    pusher.join()
    for number in range(count):
        restored = Settings(folder=tmp_path / f"restored{number}")
        operation.restore(restored, tmp_path / f"backup{number}")
        assert not list(operation.find_damage(restored, contents=True))


def test_a_damaged_content_is_told_and_the_rest_is_copied(tmp_path: Path, start: Start) -> None:
    hub = start(folder=tmp_path / "hub")
    for seed in (1, 2, 3):
        push(hub, "r", seed)
    victim = max((tmp_path / "hub" / "blobs").rglob("*-*"), key=lambda p: p.stat().st_size)
    victim.chmod(0o600)
    victim.write_bytes(b"x" + victim.read_bytes()[1:])
    with pytest.raises(HubError, match=r"1 of \d+ contents"):
        operation.back_up(hub.settings, tmp_path / "backup")
    kept = [path for path in (tmp_path / "backup" / "blobs").rglob("*-*") if path.is_file()]
    whole = [p for p in (tmp_path / "hub" / "blobs").rglob("*-*") if p.is_file()]
    assert len(kept) == len(whole) - 1
    with pytest.raises(HubError, match="no complete backup"):
        operation.restore(Settings(folder=tmp_path / "again"), tmp_path / "backup")


def test_a_hub_is_never_restored_over_another(tmp_path: Path, start: Start) -> None:
    hub = start(folder=tmp_path / "hub")
    operation.back_up(hub.settings, tmp_path / "backup")
    with pytest.raises(HubConflictError, match="already"):
        operation.restore(hub.settings, tmp_path / "backup")


def test_a_damaged_backup_is_refused(tmp_path: Path, start: Start) -> None:
    hub = start(folder=tmp_path / "hub")
    push(hub, "r", 1)
    operation.back_up(hub.settings, tmp_path / "backup")
    blob = max((tmp_path / "backup" / "blobs").rglob("*-*"), key=lambda p: p.stat().st_size)
    original = blob.read_bytes()
    blob.chmod(0o600)
    blob.write_bytes(original[:-1] + b"?")
    with pytest.raises(StorageError, match="damaged"):
        operation.restore(Settings(folder=tmp_path / "a"), tmp_path / "backup")
    blob.write_bytes(original)
    operation.restore(Settings(folder=tmp_path / "a"), tmp_path / "backup")
    database = tmp_path / "backup" / "database.sqlite"
    database.write_bytes(database.read_bytes() + b"?")
    with pytest.raises(HubError, match="damaged"):
        operation.restore(Settings(folder=tmp_path / "b"), tmp_path / "backup")


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path, start: Start) -> None:
    hub = start(folder=tmp_path / "hub")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("x")
    with pytest.raises(HubError, match="something else"):
        operation.back_up(hub.settings, tmp_path / "other")


def test_postgresql_is_backed_up_by_its_own_programs(
    tmp_path: Path, start: Start, fresh_database: str, another_database: str
) -> None:
    hub = start(folder=tmp_path / "hub", database=fresh_database)
    repository = push(hub, "r", 1)
    operation.back_up(hub.settings, tmp_path / "backup")
    assert (
        json.loads((tmp_path / "backup" / "backup.json").read_text())["database"] == "database.dump"
    )
    hub.stop()
    again = Settings(folder=tmp_path / "again", database=another_database)
    operation.restore(again, tmp_path / "backup")
    assert not list(operation.find_damage(again, contents=True))
    with pytest.raises(HubError, match="another kind"):
        operation.restore(Settings(folder=tmp_path / "lite"), tmp_path / "backup")
    with running_hub(again) as back:
        known = RunningHub(back.process, back.endpoint, hub.token, again, back.port)
        assert len(content(known, repository, "w1.bin", tmp_path / "f")) == 300_000
