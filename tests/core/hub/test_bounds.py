"""A server whose answers do not end, come too slowly, lead in circles, or ask for a token."""

from __future__ import annotations

import contextlib
import gzip
import json
import time
import tracemalloc
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.helpers.hostile_hub import COMMIT, REPO, Server, hub_of, send
from ticket_hub.errors import HubError, HubUnavailableError
from ticket_hub.hub import Cache, Query, connect, pull, search
from ticket_hub.hub.base import Snapshot
from ticket_hub.hub.huggingface import HuggingFaceHub

MIB = 1 << 20
BOMB = gzip.compress(bytes(64 * MIB), 1)
Ask = Callable[[HuggingFaceHub], object]
ASKED: dict[str, Ask] = {
    "snapshot": lambda hub: hub.snapshot(REPO),
    "tags": lambda hub: hub.tags(REPO),
    "list": lambda hub: list(hub.repositories()),
    "push": lambda hub: hub.push(REPO, [], message="push", parent=None),
    "tag": lambda hub: hub.tag(REPO, "v1"),
    "delete": lambda hub: hub.delete(REPO),
}
asked = pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)


def endless(request: BaseHTTPRequestHandler) -> bool:
    request.send_response(200)
    request.send_header("Transfer-Encoding", "chunked")
    request.end_headers()
    piece = b"%x\r\n%s\r\n" % (MIB, b" " * MIB)
    try:
        for _ in range(200):
            request.wfile.write(piece)
    except OSError:
        request.close_connection = True
    return True


def bomb(request: BaseHTTPRequestHandler) -> bool:
    send(request, 200, BOMB, {"Content-Encoding": "gzip"})
    return True


@pytest.mark.parametrize("trouble", [endless, bomb])
@asked
def test_an_answer_of_any_size_takes_little_memory_and_is_a_clear_error(
    server: Server, trouble: Callable[[BaseHTTPRequestHandler], bool], ask: Ask
) -> None:
    server.trouble = trouble
    with pytest.raises(HubError, match=r"more than 32 MiB|compresses an answer"):
        ask(hub_of(server))


@pytest.mark.parametrize("status", [200, 302, 404, 500])
def test_an_endless_body_is_cut_off_whatever_the_status(server: Server, status: int) -> None:
    def trouble(request: BaseHTTPRequestHandler) -> bool:
        request.send_response(status)
        if status == 302:
            request.send_header("Location", "/elsewhere")
        request.end_headers()
        request.close_connection = True
        with contextlib.suppress(OSError):
            for _ in range(200):
                request.wfile.write(bytes(MIB))
        return True

    server.trouble = trouble
    tracemalloc.start()
    try:
        with pytest.raises(HubError, match="more than 32 MiB"):
            hub_of(server).snapshot(REPO)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 128 * MIB


@asked
def test_a_circle_of_redirects_is_a_clear_error(server: Server, ask: Ask) -> None:
    def around(request: BaseHTTPRequestHandler) -> bool:
        send(request, 307, b"", {"Location": request.path})
        return True

    server.trouble = around
    with pytest.raises(HubError, match="in a circle"):
        ask(hub_of(server))


def test_a_file_that_redirects_in_a_circle_is_a_clear_error(server: Server, cache: Cache) -> None:
    def around(request: BaseHTTPRequestHandler) -> bool:
        if "/resolve/" in request.path:
            send(request, 302, b"", {"Location": request.path})
        return "/resolve/" in request.path

    server.trouble = around
    with pytest.raises(HubError, match="in a circle"):
        pull(hub_of(server), REPO, cache=cache)


@pytest.mark.parametrize("path", ["/resolve/", "/api/models/"])
def test_a_byte_now_and_then_is_given_up(
    server: Server, cache: Cache, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr("ticket_hub.hub.bounds.WINDOW", 0.2)

    def drip(request: BaseHTTPRequestHandler) -> bool:
        if path not in request.path:
            return False
        request.send_response(200)
        request.send_header("Content-Length", "12815")
        request.end_headers()
        with contextlib.suppress(OSError):
            for _ in range(2000):
                request.wfile.write(b"x")
                time.sleep(0.05)
        request.close_connection = True
        return True

    server.trouble = drip
    begin = time.monotonic()
    with pytest.raises(HubUnavailableError, match="bytes within"):
        pull(hub_of(server), REPO, cache=cache)
    assert time.monotonic() - begin < 50


def page(request: BaseHTTPRequestHandler, items: list[object], following: str | None) -> bool:
    link = {"Link": f'<{following}>; rel="next"'} if following else {}
    send(request, 200, json.dumps(items).encode(), link)
    return True


def test_pages_that_lead_back_are_not_followed_for_ever(server: Server) -> None:
    server.trouble = lambda request: page(
        request, [{"id": REPO}], f"{server.endpoint}{request.path}"
    )
    with pytest.raises(HubError, match="does not end: after 1 pages comes one again"):
        list(hub_of(server).repositories())


def test_pages_that_never_end_are_not_followed_for_ever(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ticket_hub.hub.requests.MAX_PAGES", 5)
    server.trouble = lambda request: page(request, [], f"/api/models?cursor={len(server.requests)}")
    with pytest.raises(HubError, match="does not end: after 5 pages there are more"):
        list(hub_of(server).repositories())


def test_pages_of_one_list_come_one_after_the_other(server: Server) -> None:
    server.trouble = lambda request: (
        page(request, [{"id": "ann/two"}], None)
        if "cursor=2" in request.path
        else page(request, [{"id": "ann/one"}], "/api/models?cursor=2")
    )
    assert list(hub_of(server).repositories(owner="ann")) == ["ann/one", "ann/two"]
    assert "filter=lottery-ticket" in server.requests[0][0]
    assert "author=ann" in server.requests[0][0]


def test_a_list_that_goes_on_at_another_host_is_refused_and_the_token_stays(
    server: Server,
) -> None:
    server.trouble = lambda request: page(
        request, [{"id": REPO}], f"http://localhost:{server.port}/api/models?cursor=2"
    )
    with pytest.raises(HubError, match="another host"):
        list(hub_of(server, token="hf_canary").repositories())
    assert len(server.requests) == 1


@asked
def test_a_token_follows_no_answer_to_another_host(server: Server, ask: Ask) -> None:
    def elsewhere(request: BaseHTTPRequestHandler) -> bool:
        if "127.0.0.1" not in request.headers["Host"]:
            return False
        place = f"http://localhost:{server.port}{request.path}"
        send(request, 307, b"", {"Location": place})
        return True

    server.trouble = elsewhere
    hub = hub_of(server, token="hf_canary")
    hub.patience = 0
    with contextlib.suppress(HubError):
        ask(hub)
    reached = [headers for _, headers in server.requests if "localhost" in headers["host"]]
    assert reached
    assert all("authorization" not in headers for headers in reached)


def test_an_address_that_a_hub_gives_for_a_check_gets_no_token(server: Server) -> None:
    """The client itself sends the token wherever `verify` of an upload points."""
    from ticket_hub.hub.bounds import bounded_session

    headers = {"authorization": "Bearer hf_canary", "user-agent": "ticket-hub/1"}
    session = bounded_session(server.endpoint, headers)
    session.post(f"http://localhost:{server.port}/verify", headers=headers)
    session.post(f"{server.endpoint}/verify", headers=headers)
    got = [headers.get("authorization") for _, headers in server.requests]
    assert got == [None, "Bearer hf_canary"]


def test_other_users_of_the_client_keep_their_requests_as_they_are(server: Server) -> None:
    from ticket_hub.hub.bounds import bounded_session

    headers = {"authorization": "Bearer hf_canary", "user-agent": "somebody/1"}
    session = bounded_session(server.endpoint, {"authorization": "Bearer hf_canary"})
    server.trouble = bomb
    answer = session.get(f"http://localhost:{server.port}/x", headers=headers)
    assert len(answer.content) == 64 * MIB
    assert server.requests[0][1]["authorization"] == "Bearer hf_canary"


@pytest.mark.parametrize(
    "name", ["", "a", "../x", "ann/..", "ann/x y", "ann/\ud800", "a/b/c", None, 7, ["ann/x"], "\0"]
)
def test_an_impossible_name_ends_no_listing_and_is_named(server: Server, name: object) -> None:
    def trouble(request: BaseHTTPRequestHandler) -> bool:
        if request.path.startswith("/api/models?"):
            return page(request, [{"id": name}, {"id": REPO}, "x", {}], None)
        return False

    server.trouble = trouble
    told: list[Exception] = []
    found = [each.repo for each in search(hub_of(server), Query(), report=told.append)]
    assert found == [REPO]
    assert len(told) == 3


@pytest.mark.parametrize("status", [401, 403, 404, 410, 418, 500])
def test_one_repository_that_is_refused_ends_no_search(server: Server, status: int) -> None:
    def trouble(request: BaseHTTPRequestHandler) -> bool:
        if request.path.startswith("/api/models?"):
            return page(request, [{"id": "bob/other"}, {"id": REPO}], None)
        if "bob/other" in request.path:
            send(request, status, b"{}")
            return True
        return False

    server.trouble = trouble
    assert [each.repo for each in search(hub_of(server), Query())] == [REPO]


@pytest.mark.parametrize(
    "body",
    [b"[" * 100_000, b"9" * 5000, b"null", b"7", b'"x"', b'{"siblings": 3}', b"\xff",
     b'{"sha": "' + b"1" * 40 + b'", "siblings": [null]}', b'[{"id": {}}, 3, null]'],
)  # fmt: skip
@pytest.mark.parametrize("status", [200, 400, 404])
def test_no_answer_is_a_bug(server: Server, cache: Cache, body: bytes, status: int) -> None:
    def trouble(request: BaseHTTPRequestHandler) -> bool:
        send(request, status, body)
        return True

    server.trouble = trouble
    hub = hub_of(server)
    for ask in (
        lambda: hub.snapshot(REPO),
        lambda: hub.tags(REPO),
        lambda: pull(hub, REPO, cache=cache),
    ):
        with pytest.raises(HubError):
            ask()
    if status != 200:
        with pytest.raises(HubError):
            list(hub.repositories())


@pytest.mark.parametrize("header", ["gzip", "br", "GZIP", "identity, gzip"])
def test_a_file_that_comes_compressed_is_refused(
    server: Server, tmp_path: Path, header: str
) -> None:
    def trouble(request: BaseHTTPRequestHandler) -> bool:
        send(request, 200, BOMB, {"Content-Encoding": header})
        return True

    server.trouble = trouble
    snapshot = Snapshot(repo=REPO, commit=COMMIT, files=())
    with pytest.raises(HubError, match="compresses"):
        hub_of(server).download(snapshot, "big", tmp_path / "big", offset=0, most=99)


def test_without_a_token_none_is_sent(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_canary")
    connect(server.endpoint, token=False).snapshot(REPO)
    connect(server.endpoint).snapshot(REPO)
    sent = [headers.get("authorization") for _, headers in server.requests]
    assert sent == [None, "Bearer hf_canary"]


def test_the_bound_of_an_answer_is_none_of_a_file_also_behind_a_redirect(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ticket_hub.hub.bounds.MAX_BYTES", 1000)
    whole = bytes(range(256)) * 100
    server.files["big"] = whole

    def elsewhere(request: BaseHTTPRequestHandler) -> bool:
        if "127.0.0.1" in request.headers["Host"]:
            place = f"http://localhost:{server.port}{request.path}"
            send(request, 302, b"", {"Location": place})
            return True
        return False

    server.trouble = elsewhere
    target = tmp_path / "big"
    snapshot = Snapshot(repo=REPO, commit=COMMIT, files=())
    hub_of(server).download(snapshot, "big", target, offset=0, most=len(whole))
    assert target.read_bytes() == whole
