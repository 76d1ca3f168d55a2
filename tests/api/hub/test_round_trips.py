"""How often the hub waits for PostgreSQL while a client waits for the hub."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import CommitOperationAdd, HfApi

from tests.helpers.counting import CountingProxy
from ticket_hub_api.background import RunningHub

Call = Callable[..., Any]
PREPARED = 6  # from then on psycopg has prepared the statements


@pytest.fixture
def proxy(fresh_database: str) -> Iterator[tuple[CountingProxy, str]]:
    """The proxy, and the URL of a new database behind it."""
    target = fresh_database.partition("?host=")[2]
    with tempfile.TemporaryDirectory(prefix="hub-proxy-") as folder:
        counting = CountingProxy(Path(folder), Path(target))
        yield counting, fresh_database.replace(target, folder)
        counting.close()


@pytest.mark.parametrize("kept", [True, False], ids=["kept", "asked"])
def test_a_pull_costs_few_round_trips(
    *,
    kept: bool,
    proxy: tuple[CountingProxy, str],
    start: Callable[..., RunningHub],
    call_to: Callable[[RunningHub], Call],
) -> None:
    counting, database = proxy
    hub = start(database=database, response_cache=kept)
    api, call = HfApi(endpoint=hub.endpoint, token=hub.token), call_to(hub)
    name = api.create_repo("r").repo_id
    files = [CommitOperationAdd(path, path.encode()) for path in ("README.md", "w.bin")]
    commit = api.create_commit(name, files, commit_message="files").oid
    api.create_tag(name, tag="v1")
    paths = {
        f"/api/models/{name}": 2,
        f"/api/models/{name}/revision/v1": 2,
        f"/api/models/{name}/revision/{commit}": 2,
        f"/api/models/{name}/revision/{commit[:10]}": 2,
        f"/api/models/{name}/tree/main": 3,
        f"/{name}/resolve/v1/README.md": 3,
        f"/{name}/resolve/main/w.bin": 4,  # it came as chunks
    }
    for path, most in paths.items():
        trips = []
        for _ in range(PREPARED + 3):
            before = counting.trips
            assert call("GET", path).status == 200
            trips.append(counting.trips - before)
        found = min(trips[PREPARED:])  # a task in the background may count, too
        assert 0 < found <= (1 if kept else most), path
