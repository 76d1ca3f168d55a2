"""Collecting what nothing needs, beside pushes, and finding every damage."""

from __future__ import annotations

import functools
import json
import os
import random
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import CommitOperationAdd, HfApi

from tests.helpers.forked import start_hub
from ticket_hub_api.background import RunningHub
from ticket_hub_api.maintenance.check import DamageFinding, check
from ticket_hub_api.maintenance.collect import collect
from ticket_hub_api.settings import Settings
from ticket_hub_api.store.blobs import Blobs, open_blobs
from ticket_hub_api.store.database import Database

Start = Callable[..., RunningHub]


def api_of(hub: RunningHub) -> HfApi:
    return HfApi(endpoint=hub.endpoint, token=hub.token)


@functools.cache
def database_at(url: str) -> Database:
    """A database that keeps its compiled statements when it is closed, and may be used again."""
    return Database(url)


def opened(settings: Settings) -> tuple[Database, Blobs]:
    return database_at(settings.database_url), open_blobs(settings.storage_url, settings.spool)


def damage(settings: Settings) -> list[DamageFinding]:
    database, blobs = opened(settings)
    try:
        return list(check(database, blobs))
    finally:
        database.close()


def fill(hub: RunningHub, *names: str) -> None:
    api = api_of(hub)
    for number, name in enumerate(names):
        repository = api.create_repo(name).repo_id
        operations = [
            CommitOperationAdd("README.md", f"---\ntags: [a{number}]\n---\n# {name}\n".encode()),
            CommitOperationAdd("w.bin", random.Random(number).randbytes(300_000)),
            CommitOperationAdd("same.bin", random.Random("same").randbytes(200_000)),
        ]
        api.create_commit(repository, operations, commit_message="fill")
        api.create_tag(repository, tag="v1")


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A hub with some content, stopped; to be copied before it is damaged."""
    settings = Settings(folder=tmp_path_factory.mktemp("healthy"))
    hub = start_hub(settings)
    fill(hub, "one", "two")
    hub.stop()
    database = sqlite3.connect(settings.folder / "hub.sqlite")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    return settings


@pytest.fixture
def copy(healthy: Settings, tmp_path: Path) -> Settings:
    shutil.copytree(healthy.folder, tmp_path / "copy")
    return Settings(folder=tmp_path / "copy")


def test_a_healthy_hub_has_no_damage(healthy: Settings) -> None:
    assert damage(healthy) == []


def test_nothing_that_is_used_is_collected(copy: Settings) -> None:
    database, blobs = opened(copy)
    before = sorted(file.key for file in blobs.storage.files("objects"))
    done = collect(database, blobs, grace_seconds=-60, xet_seconds=-60)
    assert (done.objects, done.xorbs, done.orphans, done.trees) == (0, 0, 0, 0)
    assert sorted(file.key for file in blobs.storage.files("objects")) == before
    database.close()
    assert damage(copy) == []


def test_what_a_deleted_repository_alone_used_goes(copy: Settings) -> None:
    hub = start_hub(copy)
    api = api_of(hub)
    one, two = (model.id for model in api.list_models())
    api.delete_repo(one)
    hub.stop()
    database, blobs = opened(copy)
    young = collect(database, blobs)
    assert (young.objects, young.xorbs) == (0, 0)
    dry = collect(database, blobs, grace_seconds=-60, xet_seconds=-60, dry_run=True)
    done = collect(database, blobs, grace_seconds=-60, xet_seconds=-60)
    assert dry.objects == done.objects == 2
    again = collect(database, blobs, grace_seconds=-60, xet_seconds=-60)
    assert again.objects == again.bytes == 0
    database.close()
    assert damage(copy) == []
    hub = start_hub(copy)
    pulled = Path(api_of(hub).snapshot_download(two, local_dir=copy.folder / "pulled"))
    hub.stop()
    assert (pulled / "same.bin").read_bytes() == random.Random("same").randbytes(200_000)


def test_what_a_crash_left_behind_is_swept(copy: Settings) -> None:
    database, blobs = opened(copy)
    orphan = copy.folder / "blobs/objects/00/00" / ("0" * 64 + "-00000000")
    orphan.parent.mkdir(parents=True)
    part, half = copy.folder / "blobs/parts/x/000001", copy.folder / "blobs/incoming/half"
    part.parent.mkdir(parents=True)
    for path in (orphan, part, half):
        path.write_bytes(b"left")
    assert collect(database, blobs).orphans == 0
    done = collect(database, blobs, grace_seconds=-60, xet_seconds=-60)
    assert (done.orphans, done.bytes) == (2, 8)
    assert not orphan.exists()
    assert not part.exists()
    assert not half.exists()
    database.close()


@pytest.mark.parametrize("turns", [2, pytest.param(6, marks=pytest.mark.slow)])
def test_collecting_beside_pushes_breaks_none(start: Start, turns: int) -> None:
    hub = start()
    stop, failures = threading.Event(), list[str]()

    def keep_collecting() -> None:
        database, blobs = opened(hub.settings)
        while not stop.is_set():
            collect(database, blobs, grace_seconds=5, xet_seconds=5)
        database.close()

    def push(number: int) -> None:
        api = api_of(hub)
        try:
            for turn in range(turns):
                name = api.create_repo(f"r{number}-{turn}").repo_id
                content = random.Random(turn).randbytes(100_000)
                api.upload_file(path_or_fileobj=content, path_in_repo="a.bin", repo_id=name)
                assert api.hf_hub_download(name, "a.bin", force_download=True)
                if turn % 2:
                    api.delete_repo(name)
        except Exception as error:  # noqa: BLE001 - any failure of a push is what is looked for
            failures.append(repr(error))

    collector = threading.Thread(target=keep_collecting)
    pushers = [threading.Thread(target=push, args=(number,)) for number in range(3)]
    for thread in [collector, *pushers]:
        thread.start()
    for thread in pushers:
        thread.join()
    stop.set()
    collector.join()
    assert failures == []
    assert damage(hub.settings) == []


def test_a_flipped_bit_in_any_stored_file_is_found(copy: Settings) -> None:
    chooser = random.Random(20261121)
    files = [p for p in (copy.folder / "blobs").rglob("*") if p.is_file()]
    assert {path.parts[-4] for path in files} == {"objects", "xorbs"}
    for path in files:
        original = path.read_bytes()
        path.chmod(0o644)
        for _ in range(5):
            flipped = bytearray(original)
            flipped[chooser.randrange(len(flipped))] ^= 1 << chooser.randrange(8)
            path.write_bytes(flipped)
            assert damage(copy), path
        path.write_bytes(original[:-1])
        assert damage(copy), path
        path.write_bytes(original + b"x")
        assert damage(copy), path
        path.write_bytes(original)
    assert damage(copy) == []


def test_a_missing_file_is_found(copy: Settings) -> None:
    for path in sorted((copy.folder / "blobs").rglob("*")):
        if path.is_file():
            path.rename(copy.folder / "away")
            found = damage(copy)
            assert any("missing" in each.problem for each in found)
            assert len({(each.what, each.name) for each in found}) == len(found)
            (copy.folder / "away").rename(path)


def logical(path: Path) -> list[str]:
    """Everything that a database says."""
    with sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True) as connection:
        lines = list(connection.iterdump())
    connection.close()
    return lines


def flips(copy: Settings, chooser: random.Random, count: int) -> Iterator[tuple[int, bool]]:
    """Change bytes of the database one at a time: where, and whether it was found."""
    path = copy.folder / "hub.sqlite"
    original = path.read_bytes()
    said = logical(path)
    written = [place for place, byte in enumerate(original) if byte]
    for place in chooser.choices(written, k=count):
        flipped = bytearray(original)
        flipped[place] ^= chooser.randrange(1, 256)
        path.write_bytes(flipped)
        for rest in ("hub.sqlite-wal", "hub.sqlite-shm"):
            (copy.folder / rest).unlink(missing_ok=True)
        found = bool(damage(copy))
        if not found:
            path.write_bytes(flipped)
            assert logical(path) == said, f"a change at byte {place} was not found"
        yield place, found
    path.write_bytes(original)


def test_a_flipped_byte_that_changes_what_the_database_says_is_found(copy: Settings) -> None:
    results = list(flips(copy, random.Random(1), 80))
    assert sum(found for _, found in results) > 50


@pytest.mark.slow
def test_two_thousand_flipped_bytes_of_the_database_are_found(copy: Settings) -> None:
    results = list(flips(copy, random.Random(2), 2000))
    assert sum(found for _, found in results) > 1400


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("DELETE FROM refs WHERE name = 'refs/tags/v1'", "reference"),
        ("DELETE FROM commits WHERE number = 1", "commit"),
        ("UPDATE refs SET target = (SELECT oid FROM commits WHERE number = 1)", "row"),
        ("UPDATE repositories SET visibility = 'public'", "row"),
        ("UPDATE objects SET size = size + 1", "row"),
        ("DELETE FROM uses", "tree"),
        ("DELETE FROM trees", "row"),
        ("DROP TABLE ref_changes", "database"),
        ("UPDATE alembic_version SET version_num = '9'", "database"),
    ],
)
def test_rows_that_somebody_tampered_with_are_found(copy: Settings, change: str, what: str) -> None:
    connection = sqlite3.connect(copy.folder / "hub.sqlite")
    with connection:
        connection.execute(change)
    connection.close()
    assert what in {found.what for found in damage(copy)}


def test_a_file_that_is_no_database_is_a_finding(copy: Settings) -> None:
    (copy.folder / "hub.sqlite").write_bytes(os.urandom(8192))
    assert [found.what for found in damage(copy)][:1] == ["database"]


def test_findings_can_be_written_as_json(copy: Settings) -> None:
    next((copy.folder / "blobs/objects").rglob("*-*")).unlink()
    values: list[Any] = [found.to_dict() for found in damage(copy)]
    assert json.loads(json.dumps(values))[0]["problem"]
