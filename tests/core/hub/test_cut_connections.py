"""A connection that is cut, at every tenth of a file: the rest is asked for, in the same pull."""

from __future__ import annotations

import json
import os
import socket
import struct
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.helpers.hostile_hub import COMMIT, REPO, Server, hub_of, once, send
from ticket_hub.bundle import layout, verify_bundle
from ticket_hub.errors import BundleDigestError, HubError, HubUnavailableError
from ticket_hub.hub import Cache, jobs, pull
from ticket_hub.hub.base import Snapshot

WHOLE = bytes(range(256)) * 160
SNAPSHOT = Snapshot(repo=REPO, commit=COMMIT, files=())
Cut = Callable[[BaseHTTPRequestHandler, int, bytes, int], None]


def close(request: BaseHTTPRequestHandler, start: int, data: bytes, most: int) -> None:
    _begin(request, start, len(data))
    request.wfile.write(data[:most])
    request.close_connection = True


def reset(request: BaseHTTPRequestHandler, start: int, data: bytes, most: int) -> None:
    close(request, start, data, most)
    time.sleep(0.02)  # a reset may overtake what was sent
    request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def stop_without_length(
    request: BaseHTTPRequestHandler, start: int, data: bytes, most: int
) -> None:
    """As a proxy does that speaks HTTP/1.0: nobody is told that more was to come."""
    request.send_response(206 if start else 200)
    request.send_header("Connection", "close")
    request.end_headers()
    request.wfile.write(data[:most])
    request.close_connection = True


def stop_between_chunks(
    request: BaseHTTPRequestHandler, start: int, data: bytes, most: int
) -> None:
    request.send_response(206 if start else 200)
    request.send_header("Transfer-Encoding", "chunked")
    request.end_headers()
    request.wfile.write(b"%x\r\n%s\r\n" % (most, data[:most]) if most else b"")
    request.wfile.write(b"0\r\n\r\n" if most == len(data) else b"")
    request.close_connection = True


def fall_silent(request: BaseHTTPRequestHandler, start: int, data: bytes, most: int) -> None:
    _begin(request, start, len(data))
    request.wfile.write(data[:most])
    request.wfile.flush()
    time.sleep(0.5)
    request.close_connection = True


def _begin(request: BaseHTTPRequestHandler, start: int, length: int) -> None:
    request.send_response(206 if start else 200)
    if start:
        end = start + length
        request.send_header("Content-Range", f"bytes {start}-{end - 1}/{end}")
    request.send_header("Content-Length", str(length))
    request.end_headers()


def cutting(cut: Cut, amounts: Iterator[int], served: list[int]) -> Callable[..., bool]:
    """Cut each answer for a file after so many bytes, as long as there are amounts."""

    def trouble(request: BaseHTTPRequestHandler) -> bool:
        if "/resolve/" not in request.path:
            return False
        start = int(request.headers.get("Range", "bytes=0-")[6:].partition("-")[0])
        served.append(start)
        data = WHOLE[start:]
        cut(request, start, data, next(amounts, len(data)))
        return True

    return trouble


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "file"


def download(server: Server, target: Path, most: int = len(WHOLE)) -> bytes:
    target.touch()
    hub_of(server).download(SNAPSHOT, "big", target, offset=0, most=most)
    return target.read_bytes()


@pytest.mark.parametrize("cut", [close, reset, stop_without_length, stop_between_chunks])
def test_a_file_that_is_cut_at_every_tenth_comes_whole_and_no_byte_twice(
    server: Server, target: Path, cut: Cut
) -> None:
    served: list[int] = []
    tenth = len(WHOLE) // 10
    server.trouble = cutting(cut, iter([tenth] * 9), served)
    assert download(server, target) == WHOLE
    assert served == [tenth * part for part in range(10)]


def test_a_connection_that_falls_silent_is_given_up_and_the_rest_asked_for(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ticket_hub.hub.requests.TIMEOUT", 0.1)
    served: list[int] = []
    server.trouble = cutting(fall_silent, iter([4096, 0, 4096]), served)
    assert download(server, target) == WHOLE
    assert served == [0, 4096, 4096, 8192]


def test_a_whole_pull_survives_a_cut_in_each_of_its_files(server: Server, cache: Cache) -> None:
    asked: set[str] = set()

    def trouble(request: BaseHTTPRequestHandler) -> bool:
        data = server.files.get(request.path.partition(f"/resolve/{COMMIT}/")[2])
        if data is None or request.path in asked:
            return False
        asked.add(request.path)
        close(request, 0, data, len(data) // 2)
        return True

    server.trouble = trouble
    pulled = pull(hub_of(server), REPO, level="all", cache=cache)
    assert verify_bundle(pulled.folder).holds
    assert len(asked) == len(set(server.files.values()))  # files of equal bytes are fetched once


def test_a_server_that_knows_no_ranges_gives_the_file_anew(server: Server, target: Path) -> None:
    served: list[int] = []

    def trouble(request: BaseHTTPRequestHandler) -> bool:
        if "/resolve/" not in request.path:
            return False
        served.append(0)
        close(request, 0, WHOLE, len(WHOLE) if len(served) == 3 else 9000 * len(served))
        return True

    server.trouble = trouble
    assert download(server, target) == WHOLE
    assert len(served) == 3


@pytest.mark.parametrize("stated", ["bytes 7-40959/40960", "bytes */40960", "x" * 99])
def test_another_range_than_was_asked_for_is_noticed(
    server: Server, target: Path, stated: str
) -> None:
    asked: list[str | None] = []

    def trouble(request: BaseHTTPRequestHandler) -> bool:
        if "/resolve/" not in request.path:
            return False
        asked.append(request.headers.get("Range"))
        if asked[-1]:
            send(request, 206, WHOLE[7:], {"Content-Range": stated})
        else:
            close(request, 0, WHOLE, 20_000 if len(asked) == 1 else len(WHOLE))
        return True

    server.trouble = trouble
    assert download(server, target) == WHOLE
    assert asked == [None, "bytes=20000-", None]


def test_a_part_where_the_whole_was_asked_for_is_refused(server: Server, target: Path) -> None:
    def trouble(request: BaseHTTPRequestHandler) -> bool:
        send(request, 206, WHOLE[7:], {"Content-Range": "bytes 7-40959/40960"})
        return True

    server.trouble = trouble
    with pytest.raises(HubError, match="another part of a file"):
        download(server, target)


@pytest.mark.parametrize("cut", [close, reset, stop_without_length, stop_between_chunks])
def test_a_server_that_never_gets_further_is_given_up_and_what_came_is_kept(
    server: Server, target: Path, cut: Cut
) -> None:
    served: list[int] = []
    server.trouble = cutting(cut, iter([8192] + [0] * 99), served)
    with pytest.raises(HubUnavailableError, match="did not send the whole of big") as given_up:
        download(server, target)
    assert "goes on there" in given_up.value.remedy
    assert target.read_bytes() == WHOLE[:8192]
    assert len(served) == 6


def test_a_file_that_is_shorter_on_the_hub_is_not_waited_for(server: Server, cache: Cache) -> None:
    server.files[layout.METRICS] = server.files[layout.METRICS][:-5]
    with pytest.raises(BundleDigestError, match="not those that the manifest describes"):
        pull(hub_of(server), REPO, cache=cache)


def test_bytes_after_those_that_were_said_are_not_taken(server: Server, cache: Cache) -> None:
    def trouble(request: BaseHTTPRequestHandler) -> bool:
        data = server.files.get(request.path.partition(f"/resolve/{COMMIT}/")[2])
        if data is None:
            return False
        _begin(request, 0, len(data))
        request.wfile.write(data + b"HTTP/1.1 200 OK\r\n\r\nmore")
        request.close_connection = True
        return True

    server.trouble = trouble
    assert verify_bundle(pull(hub_of(server), REPO, level="all", cache=cache).folder).holds


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_one_failure_of_the_first_question_does_not_end_a_pull(
    server: Server, cache: Cache, status: int
) -> None:
    server.trouble = once(status, of="/api/models/")
    assert pull(hub_of(server), REPO, cache=cache).confirmed


def test_one_cut_of_the_first_question_does_not_end_a_pull(server: Server, cache: Cache) -> None:
    asked: list[str] = []

    def trouble(request: BaseHTTPRequestHandler) -> bool:
        asked.append(request.path)
        if len(asked) > 1:
            return False
        close(request, 0, b'{"id":', 3)
        return True

    server.trouble = trouble
    assert pull(hub_of(server), REPO, cache=cache).confirmed


def test_a_hub_that_asks_for_a_day_of_patience_is_not_waited_for(
    server: Server, cache: Cache
) -> None:
    def trouble(request: BaseHTTPRequestHandler) -> bool:
        send(request, 429, b"{}", {"Retry-After": "86400"})
        return True

    server.trouble = trouble
    with pytest.raises(HubUnavailableError, match="429"):
        pull(hub_of(server), REPO, cache=cache)


def test_every_name_that_a_pull_makes_is_synced(
    server: Server, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    renamed: set[str] = set()
    replace, fsync = os.replace, os.fsync

    def watch_replace(source: Path, target: Path) -> None:
        replace(source, target)
        renamed.add(str(Path(target).parent))

    def watch_fsync(handle: int) -> None:
        renamed.discard(str(Path(f"/proc/self/fd/{handle}").readlink()))
        fsync(handle)

    monkeypatch.setattr(os, "replace", watch_replace)
    monkeypatch.setattr(os, "fsync", watch_fsync)
    pulled = pull(hub_of(server), REPO, level="all", cache=cache)
    assert pulled.fetched
    assert renamed == set()


def test_a_job_that_waits_long_is_followed_until_it_ends(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing happens while no worker is free, and proxies end what is silent."""
    job, asked = "0" * 24, []

    def waiting(request: BaseHTTPRequestHandler) -> bool:
        asked.append(request.path)
        ended = len(asked) > 30
        if request.path.endswith("/events"):
            said = b'id: 1\nevent: queued\ndata: {"attempt":1}\n\n' if len(asked) < 3 else b""
            send(request, 200, said + b": heartbeat\n\n")
        else:
            state = {"state": "finished" if ended else "queued", "problem": "", "remedy": ""}
            send(request, 200, json.dumps(state).encode())
        return True

    server.trouble = waiting
    monkeypatch.setattr(jobs, "PAUSE_SECONDS", 0.0)
    told = list(jobs.follow_job(job, hub=server.endpoint))
    assert [each["event"] for each in told] == ["run", "queued", "ended"]
    assert told[-1]["state"] == "finished"


@pytest.mark.parametrize("answers", [40, 1000])
def test_a_job_is_followed_while_its_hub_is_started_anew(
    server: Server, monkeypatch: pytest.MonkeyPatch, answers: int
) -> None:
    """The proxy before it answers 502 meanwhile; a hub that stays away is told."""
    bad = once(*[502] * answers, of="/events")

    def restarting(request: BaseHTTPRequestHandler) -> bool:
        if bad(request):
            return True
        if request.path.endswith("/events"):
            send(request, 200, b'id: 1\nevent: queued\ndata: {"attempt":1}\n\n')
        else:
            send(request, 200, b'{"state": "finished", "problem": "", "remedy": ""}')
        return True

    server.trouble = restarting
    monkeypatch.setattr(jobs, "PAUSE_SECONDS", 0.0)
    told: list[str] = []

    def follow() -> None:
        told.extend(each["event"] for each in jobs.follow_job("0" * 24, hub=server.endpoint))

    if answers > jobs.PATIENCE:
        with pytest.raises(HubUnavailableError, match="502"):
            follow()
        return
    follow()
    assert told == ["run", "queued", "ended"]
