"""Answers that are kept are those that would be made anew, for the one who asks.

Every test of a hub runs twice: with the setting `response_cache`, and without.
"""

from __future__ import annotations

import asyncio
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
from huggingface_hub import CommitOperationAdd, HfApi
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.helpers import forked
from ticket_hub.transfer.sharing import push_bundle
from ticket_hub_api.accounts import accounts, tokens
from ticket_hub_api.background import RunningHub
from ticket_hub_api.response_cache import ResponseCache
from ticket_hub_api.settings import Settings
from ticket_hub_api.store.database import Database
from ticket_hub_api.store.migrate import migrate
from ticket_hub_api.store.tables import Account, Repository
from ticket_hub_api.store.watch import DatabaseWatch

GOLDEN = Path(__file__).resolve().parents[1] / "golden/format-1"
Call = Callable[..., Any]
Push = Callable[..., object]
LIST = "/api/v1/tickets"
T = TypeVar("T")


@pytest.fixture(scope="module", params=["kept", "asked"])
def hub(
    request: pytest.FixtureRequest, hub: RunningHub, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningHub]:
    """The shared hub, which keeps answers, and one that asks the database each time."""
    if request.param == "kept":
        yield hub
        return
    settings = Settings(
        folder=tmp_path_factory.mktemp("asking"),
        response_cache=False,
        requests_per_minute=0,
        failures_per_minute=0,
    )
    with forked.running_hub(settings) as running:
        yield running


@pytest.fixture
def ann(database: Database) -> tuple[str, str]:
    """A new account's name and token."""
    name = f"u{uuid.uuid4().hex[:8]}"
    accounts.add_user(database, name)
    return name, tokens.create_token(database, name, scope="write").secret


@pytest.fixture
def push(hub: RunningHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Push:
    monkeypatch.setenv("TICKET_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "huggingface"))
    bundle = shutil.copytree(GOLDEN, tmp_path / "bundle")
    return partial(push_bundle, bundle, hub=hub.endpoint)


def names(answer: Any) -> list[str]:  # noqa: ANN401 - what `call` gives
    return [item["repo"] for item in answer.json["items"]]


def test_a_push_is_seen_at_once(call: Call, ann: tuple[str, str], push: Push) -> None:
    name, secret = ann
    path = f"{LIST}?owner={name}"
    assert names(call("GET", path)) == names(call("GET", path)) == []
    push(f"{name}/one", token=secret)
    assert names(call("GET", path)) == names(call("GET", path)) == [f"{name}/one"]


def test_nobody_gets_what_was_remembered_for_another(
    call: Call, ann: tuple[str, str], push: Push
) -> None:
    name, secret = ann
    push(f"{name}/unseen", token=secret, private=True)
    for path in (f"{LIST}/{name}/unseen", f"{LIST}?owner={name}"):
        mine = call("GET", path, token=secret)
        assert mine.status == 200
        assert "unseen" in mine.body.decode()
        others = call("GET", path, token="")
        assert others.status in {200, 401, 404}
        assert "unseen" not in others.body.decode().replace(path, "")


def test_a_revoked_token_gets_nothing_from_memory(
    call: Call, ann: tuple[str, str], database: Database
) -> None:
    name, _ = ann
    issued = tokens.create_token(database, name, scope="read")
    assert call("GET", LIST, token=issued.secret).status == 200
    tokens.revoke_token(database, issued.id)
    assert call("GET", LIST, token=issued.secret).status == 401


def test_the_second_answer_is_the_first(call: Call, ann: tuple[str, str], push: Push) -> None:
    name, secret = ann
    push(f"{name}/one", token=secret)
    for path in (LIST, f"{LIST}/{name}/one", f"{LIST}/{name}/one/curves", "/api/v1/experiments"):
        first, second = call("GET", path), call("GET", path)
        assert first.status == second.status == 200
        assert first.body == second.body
        kept = {"content-type", "etag", "cache-control", "vary"}
        for answer in (first, second):
            answer.kept = {k: v for k, v in answer.headers.items() if k.lower() in kept}
        assert first.kept == second.kept


def test_a_remembered_answer_counts_as_a_request(
    start: Callable[..., RunningHub], call_to: Callable[[RunningHub], Call]
) -> None:
    call = call_to(start(requests_per_minute=6))
    assert [call("GET", LIST).status for _ in range(8)] == [200] * 6 + [429] * 2


def test_a_condition_is_heard_though_the_answer_is_remembered(call: Call) -> None:
    assert call("GET", LIST).status == call("GET", LIST).status == 200
    assert call("GET", LIST, headers={"If-None-Match": '"x"'}).status == 200


def test_an_expired_or_wrong_token_gets_nothing_from_memory(call: Call) -> None:
    assert call("GET", LIST).status == call("GET", LIST).status == 200
    assert call("GET", LIST, token="th_wrong").status == 401


def test_methods_that_an_address_does_not_know_are_refused_before_anything_else(call: Call) -> None:
    answer = call("DELETE", LIST)
    assert answer.status == 405
    assert "GET" in answer.headers["Allow"]


def test_a_remembered_answer_has_its_own_request_id(call: Call) -> None:
    ids = [call("GET", LIST).headers["X-Request-Id"] for _ in range(3)]
    assert len(set(ids)) == 3


def test_a_failure_is_not_kept(call: Call, ann: tuple[str, str], push: Push) -> None:
    name, secret = ann
    path = f"/api/models/{name}/later"
    assert [call("GET", path).status for _ in range(2)] == [404, 404]
    push(f"{name}/later", token=secret)
    assert [call("GET", path).status for _ in range(2)] == [200, 200]


def test_an_answer_is_for_the_host_that_it_was_made_for(
    call: Call, ann: tuple[str, str], push: Push
) -> None:
    name, secret = ann
    push(f"{name}/one", token=secret)
    push(f"{name}/two", token=secret)
    path = f"/api/models?author={name}&limit=1"
    for host in ("localhost", "127.0.0.1", "localhost"):
        link = call("GET", path, headers={"Host": host}).headers["Link"]
        assert link.startswith(f"<http://{host}/api/models?")


def test_a_head_is_no_get_and_a_part_is_not_the_whole(
    hub: RunningHub, call: Call, ann: tuple[str, str]
) -> None:
    name, secret = ann
    api = HfApi(endpoint=hub.endpoint, token=secret)
    repo = api.create_repo(f"{name}/files").repo_id
    file = [CommitOperationAdd("a.txt", b"words")]
    api.create_commit(repo, file, commit_message="a file")
    path = f"/{repo}/resolve/main/a.txt"
    for _ in range(2):
        head = call("HEAD", path)
        assert (head.body, head.headers["Content-Length"]) == (b"", "5")
        assert call("GET", path).body == b"words"
        part = call("GET", path, headers={"Range": "bytes=1-2"})
        assert (part.status, part.body) == (206, b"or")


def test_downloads_are_counted_each_time(
    start: Callable[..., RunningHub], call_to: Callable[[RunningHub], Call]
) -> None:
    hub = start()
    api, call = HfApi(endpoint=hub.endpoint, token=hub.token), call_to(hub)
    repo = api.create_repo("counted").repo_id
    file = [CommitOperationAdd("config.json", b"{}")]
    api.create_commit(repo, file, commit_message="a file")
    for _ in range(3):
        assert call("GET", f"/{repo}/resolve/main/config.json").status == 200
    hub.stop()  # which writes the counts
    database = Database(hub.settings.database_url)
    with database.read() as connection:
        assert connection.scalar(select(Repository.downloads)) == 3
    database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def watched(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A new database of either kind."""
    url = f"sqlite:///{tmp_path / 'new.sqlite'}"
    if request.param == "postgresql":
        url = Settings(database=request.getfixturevalue("fresh_database")).database_url
    opened = Database(url)
    migrate(opened)
    accounts.add_user(opened, "0")
    yield opened
    opened.close()


def in_a_loop(database: Database, use: Callable[[ResponseCache], Coroutine[Any, Any, T]]) -> T:
    """What a coroutine comes to that uses a new cache; in another thread, as a browser of other
    tests may hold this one."""

    async def main() -> T:
        cache = ResponseCache(DatabaseWatch(database))
        try:
            return await use(cache)
        finally:
            cache.close()

    with ThreadPoolExecutor(1) as aside:
        return aside.submit(lambda: asyncio.run(main())).result()


def write(database: Database, number: int) -> None:
    def act(session: Session) -> None:
        session.scalars(select(Account)).one().full_name = str(number)

    database.transact(act)


def read(database: Database) -> int:
    with database.read() as connection:
        return int(connection.scalar(select(Account.full_name)) or 0)


def test_one_look_serves_all_of_a_request_and_the_next_request_looks_again(
    watched: Database,
) -> None:
    async def use(cache: ResponseCache) -> None:
        since = cache.begun
        version = await cache.version(since)
        cache.keep("a", 1, version)
        write(watched, 1)
        assert await cache.version(since) == version
        assert cache.get("a") == 1
        assert await cache.version(cache.begun) != version
        assert cache.get("a") is None

    in_a_loop(watched, use)


def test_what_was_made_before_a_change_is_not_kept(watched: Database) -> None:
    async def use(cache: ResponseCache) -> None:
        version = await cache.version()
        write(watched, 1)
        await cache.version()
        cache.keep("a", 1, version)
        assert cache.get("a") is None

    in_a_loop(watched, use)


def test_what_is_committed_while_an_answer_is_made_ends_it(watched: Database) -> None:
    """A transaction that was open at the look, and one that is begun and ended after it."""

    async def use(cache: ResponseCache) -> list[int]:
        def make(number: int) -> Callable[[], int]:
            def made() -> int:
                found = read(watched)
                write(watched, number)
                return found

            return made

        return [await cache.get_or_make("a", make(n)) for n in (1, 2, 3)]

    assert in_a_loop(watched, use) == [0, 1, 2]


def test_an_open_transaction_changes_nothing_until_it_is_committed(watched: Database) -> None:
    async def use(cache: ResponseCache) -> None:
        with watched.write() as session:
            session.scalars(select(Account)).one().full_name = "1"
            session.flush()
            before = await cache.version()
            assert await cache.version() == before
        assert await cache.version() != before

    in_a_loop(watched, use)


def test_requests_that_come_together_share_looks(watched: Database) -> None:
    async def use(cache: ResponseCache) -> int:
        since = cache.begun
        await asyncio.gather(*[cache.version(since) for _ in range(50)])
        return cache.begun - since

    assert in_a_loop(watched, use) == 1


def test_no_answer_is_older_than_what_was_acknowledged_before_the_request(
    watched: Database,
) -> None:
    """Writers beside readers who share a cache; most answers come out of it all the same."""
    acknowledged, made, done = 0, 0, threading.Event()

    def keep_writing() -> None:
        nonlocal acknowledged
        for number in range(1, 31):
            write(watched, number)
            acknowledged = number
            time.sleep(0.005)
        done.set()

    def make() -> int:
        nonlocal made
        made += 1
        return read(watched)

    async def use(cache: ResponseCache) -> int:
        async def keep_reading() -> int:
            count = 0
            while not done.is_set():
                least = acknowledged
                assert await cache.get_or_make("number", make, cache.begun) >= least
                count += 1
                await asyncio.sleep(0)
            return count

        with ThreadPoolExecutor(1) as writer:
            writing = writer.submit(keep_writing)
            counts = await asyncio.gather(*[keep_reading() for _ in range(8)])
            writing.result()
        assert await cache.get_or_make("number", make, cache.begun) == 30
        return sum(counts)

    assert in_a_loop(watched, use) > made > 30 / 8


def test_a_database_that_was_started_anew_is_looked_at_again(watched: Database) -> None:
    async def use(cache: ResponseCache) -> None:
        before = await cache.version()
        if not watched.is_sqlite:
            end = (
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
            with watched.read() as connection:
                connection.exec_driver_sql(end)
        assert await cache.version() == before

    in_a_loop(watched, use)


def test_without_a_watch_nothing_is_kept() -> None:
    async def main() -> list[int]:
        cache, numbers = ResponseCache(None), iter(range(9))
        return [await cache.get_or_make("a", lambda: next(numbers)) for _ in range(3)]

    with ThreadPoolExecutor(1) as aside:
        assert aside.submit(lambda: asyncio.run(main())).result() == [0, 1, 2]
