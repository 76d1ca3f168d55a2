"""Answers that are remembered are those that would be made anew, for the one who asks."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ticket_hub.transfer.sharing import push_bundle
from ticket_hub_api import accounts, tokens
from ticket_hub_api.background import RunningHub
from ticket_hub_api.catalog.database import Database
from ticket_hub_api.services import ResponseCache

GOLDEN = Path(__file__).resolve().parents[1] / "golden/format-1"
Call = Callable[..., Any]
Push = Callable[..., object]
LIST = "/api/v1/tickets"


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


def test_one_look_serves_all_of_a_request_and_the_next_request_looks_again(
    hub: RunningHub, database: Database
) -> None:
    memory = ResponseCache(database)
    try:
        since = memory.checks
        version = memory.version(since)
        memory.keep("a", 1, version)
        accounts.add_user(database, f"u{uuid.uuid4().hex[:8]}")
        assert memory.version(since) == version
        assert memory.known("a") == 1
        assert memory.version(memory.checks) != version
        assert memory.known("a") is None
    finally:
        memory.close()


def test_what_was_made_before_a_change_is_not_kept(hub: RunningHub, database: Database) -> None:
    memory = ResponseCache(database)
    try:
        version = memory.version()
        accounts.add_user(database, f"u{uuid.uuid4().hex[:8]}")
        memory.keep("a", 1, version)
        assert memory.known("a") is None
    finally:
        memory.close()
