"""Logs, figures and health, as an operator's tools read them."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import errno
import io
import json
import logging
import os
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from starlette.responses import PlainTextResponse
from starlette.types import Message

from ticket_hub_api.background import RunningHub
from ticket_hub_api.observing.logs import FIELDS, REQUEST_ID, JsonLines, without_secrets
from ticket_hub_api.observing.metrics import Metrics
from ticket_hub_api.observing.requests import Observed
from ticket_hub_api.settings import Settings
from ticket_hub_api.store.database import Database
from ticket_hub_api.store.signing import Signer

Call = Callable[..., Any]
StartHub = Callable[..., RunningHub]
CallTo = Callable[[RunningHub], Call]
Log = tuple[logging.Logger, Callable[[], list[dict[str, Any]]]]


@pytest.fixture
def log() -> Log:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    logger = logging.getLogger(f"test-{uuid.uuid4().hex}")
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    return logger, lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_object_with_the_requests_id(log: Log) -> None:
    logger, lines = log
    token = REQUEST_ID.set("r-1")
    try:
        logger.info("two\nlines", extra={FIELDS: {"route": "/x"}})
    finally:
        REQUEST_ID.reset(token)
    (line,) = lines()
    assert line["message"] == "two\nlines"
    assert line["request"] == "r-1"
    assert line["route"] == "/x"
    assert line["time"].endswith("+00:00")


def test_complaints_of_the_event_loop_are_lines_too() -> None:
    code = (
        "import logging; from ticket_hub_api.observing.logs import configure_logging; "
        "configure_logging('info'); logging.getLogger('asyncio').warning('socket.send() raised')"
    )
    command = [sys.executable, "-c", code]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    (line,) = [json.loads(each) for each in said.stderr.splitlines()]
    assert (line["logger"], line["message"]) == ("asyncio", "socket.send() raised")


def test_an_unforeseen_error_keeps_its_trace_and_loses_its_secrets(log: Log) -> None:
    logger, lines = log
    try:
        int("postgresql://hub:hunter2@db/hub refused th_abcdefghijklmnop")
    except ValueError:
        logger.exception("failed with Bearer secrets-sic")
    (line,) = lines()
    assert "ValueError" in line["trace"]
    text = json.dumps(line)
    assert "hunter2" not in text
    assert "abcdef" not in text
    assert "secrets-sic" not in text
    assert "@db/hub" in text


@given(st.text("abcdefghijklmnopqrstuvwxyz0123456789_-", min_size=43, max_size=43))
def test_no_token_passes(secret: str) -> None:
    for text in (f"a th_{secret} b", f"x=th_{secret}&y", f'"th_{secret}"'):
        assert secret not in without_secrets(text)


def test_no_signed_address_passes() -> None:
    signed = Signer(b"k" * 32).sign("upload", 60, sha256="0" * 64)
    assert signed.partition(".")[2] not in without_secrets(f"PUT /lfs/upload/{signed} failed")


def test_common_words_pass() -> None:
    text = "GET /api/models/ada/lenet answered the sha256 " + "0" * 64
    assert without_secrets(text) == text


def test_every_answer_carries_a_request_id(call: Call) -> None:
    assert call("GET", "/healthz").headers["X-Request-Id"]
    refused = call("GET", "/no/such/thing").headers
    assert len(refused.get_all("X-Request-Id")) == 1
    own = call("GET", "/healthz", headers={"X-Request-Id": "mine-1.2_3"})
    assert own.headers["X-Request-Id"] == "mine-1.2_3"


@pytest.mark.parametrize("hostile", ["a b", "a" * 65, '"}{"', "ü"])
def test_a_harmful_request_id_is_replaced(call: Call, hostile: str) -> None:
    answer = call("GET", "/healthz", headers={"X-Request-Id": hostile.encode().decode("latin-1")})
    assert answer.headers["X-Request-Id"] not in {hostile, ""}


def test_requests_are_logged_by_pattern_with_who_asked(
    tmp_path: Path, start: StartHub, call_to: CallTo, capfd: pytest.CaptureFixture[str]
) -> None:
    hub = start(folder=tmp_path / "hub")
    call = call_to(hub)
    capfd.readouterr()
    call("GET", "/api/models/ada/nothing?token=th_canarycanarycanary")
    call("GET", "/th_canarycanarycanary/x/y/z/not-there")
    hub.stop()
    error = capfd.readouterr().err
    lines = [json.loads(line) for line in error.splitlines()]
    asked = next(line for line in lines if line.get("namespace") == "ada")
    assert asked["name"] == "nothing"
    assert asked["status"] == 404
    assert asked["account"]
    assert asked["route"] == "/api/{kind}/{namespace}/{name}"
    assert asked["request"]
    assert asked["milliseconds"] >= 0
    assert "canary" not in error
    assert hub.token not in error


def test_the_service_is_alive_and_ready(call: Call) -> None:
    assert call("GET", "/healthz", token="").json == {"status": "ok"}
    ready = call("GET", "/readyz", token="")
    assert ready.status == 200
    assert ready.json == {"ready": True, "database": "ok", "storage": "ok"}


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_a_service_that_cannot_store_is_not_ready(start: StartHub, call_to: CallTo) -> None:
    hub = start()
    (hub.settings.folder / "blobs").chmod(0o500)
    try:
        assert call_to(hub)("GET", "/readyz").status == 503
    finally:
        (hub.settings.folder / "blobs").chmod(0o700)


def test_a_service_without_its_storage_is_alive_and_not_ready(
    tmp_path: Path, start: StartHub, call_to: CallTo
) -> None:
    hub = start(folder=tmp_path / "hub", storage=str(tmp_path / "disk"))
    call = call_to(hub)
    assert call("GET", "/readyz").status == 200
    (tmp_path / "disk").rename(tmp_path / "gone")
    (tmp_path / "disk").write_text("not a folder")
    answer = call("GET", "/readyz", token="")
    assert answer.status == 503
    assert answer.json == {"ready": False, "database": "ok", "storage": "fails"}
    assert call("GET", "/healthz").status == 200
    (tmp_path / "disk").unlink()
    (tmp_path / "gone").rename(tmp_path / "disk")
    assert call("GET", "/readyz").status == 200


def test_a_service_without_its_database_is_alive_and_not_ready_whoever_asks(
    tmp_path: Path, start: StartHub, call_to: CallTo
) -> None:
    hub = start(folder=tmp_path / "hub")
    call = call_to(hub)
    assert call("GET", "/healthz", token="th_wrong").status == 401
    with contextlib.closing(sqlite3.connect(hub.settings.folder / "hub.sqlite")) as database:
        for table in ("tokens", "alembic_version"):
            database.execute(f"ALTER TABLE {table} RENAME TO {table}_gone")
        database.commit()
    for token in ("", hub.token, "th_another"):
        assert call("GET", "/healthz", token=token).status == 200
        ready = call("GET", "/readyz", token=token)
        assert (ready.status, ready.json["database"]) == (503, "fails")


def test_figures_count_requests_by_pattern_and_say_what_the_hub_holds(
    start: StartHub, call_to: CallTo
) -> None:
    hub = start()
    call = call_to(hub)
    assert call("GET", "/metrics", token="").status == 401
    for name in ("a", "b", "c"):
        call("GET", f"/api/models/ada/{name}")
    call("POST", "/api/repos/create", {"name": "one"})
    answer = call("GET", "/metrics")
    families = {f.name: f for f in text_string_to_metric_families(answer.body.decode())}
    by_labels = {
        (sample.labels["route"], sample.labels["status"]): sample.value
        for sample in families["ticket_hub_requests"].samples
        if sample.name.endswith("_total")
    }
    assert by_labels["/api/{kind}/{namespace}/{name}", "404"] == 3
    assert by_labels["/metrics", "401"] == 1
    assert families["ticket_hub_repositories"].samples[0].value == 1
    assert families["ticket_hub_accounts"].samples[0].value == 1
    assert families["ticket_hub_database_up"].samples[0].value == 1


class _FullDisk(io.StringIO):
    def write(self, _text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_log_that_cannot_be_written_breaks_no_answer(tmp_path: Path) -> None:
    sent: list[Message] = []
    database = Database(f"sqlite:///{tmp_path / 'x.sqlite'}")
    answer = PlainTextResponse("hi")
    observed = Observed(answer, Metrics(database), _FullDisk())

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    with ThreadPoolExecutor(1) as aside:  # a browser's test leaves a loop in this thread
        aside.submit(lambda: asyncio.run(observed(scope, receive, send))).result()
    database.close()
    assert [message.get("body") for message in sent] == [None, b"hi"]


def test_an_unknown_log_level_is_refused() -> None:
    from ticket_hub.errors import HubError

    with pytest.raises(HubError, match="LOG_LEVEL"):
        Settings.from_environment({"TICKET_HUB_LOG_LEVEL": "loud"})


def test_a_requests_line_is_json_whatever_the_names_are(
    tmp_path: Path, start: StartHub, call_to: CallTo, capfd: pytest.CaptureFixture[str]
) -> None:
    hub = start(folder=tmp_path / "hub")
    call = call_to(hub)
    capfd.readouterr()
    names = ["a%22%7D%0A%5C", "%C3%BC", "x" * 300, "plain"]
    for name in names:
        call("GET", f"/api/models/ada/{name}")
    hub.stop()
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    asked = [line for line in lines if line.get("namespace") == "ada"]
    assert [line["name"] for line in asked] == ['a"}\n\\', "ü", "x" * 300, "plain"]
    for line in asked:
        assert line["bytes"] > 0
        assert dt.datetime.fromisoformat(line["time"]).tzinfo is not None
        assert dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(line["time"]) < dt.timedelta(1)
