"""The client against a server that misbehaves: a real one on loopback, its answers made to hurt."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from hashlib import sha256
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.helpers.hostile_hub import COMMIT, GOLDEN, REPO, Server, hub_of, once, send
from ticket_hub.bundle import layout, open_bundle
from ticket_hub.bundle.manifest_records import FileRecord
from ticket_hub.errors import BundleError, HubAccessError, HubError, HubUnavailableError
from ticket_hub.hub import Cache, pull
from ticket_hub.hub.base import Snapshot


def test_too_many_requests_and_server_errors_are_tried_again(server: Server, cache: Cache) -> None:
    server.trouble = once(429, 503)
    assert pull(hub_of(server), REPO, cache=cache).confirmed


def test_a_hub_that_goes_on_failing_is_an_error_and_keeps_nothing(
    server: Server, cache: Cache
) -> None:
    server.trouble = once(*[500] * 50)
    hub = hub_of(server)
    hub.patience = 1
    with pytest.raises(HubUnavailableError, match="500"):
        pull(hub, REPO, cache=cache)
    assert cache.bundles() == []


def test_a_hub_that_refuses_a_list_is_named_itself(server: Server) -> None:
    hub = hub_of(server)
    for status, kind, problem in (
        (403, HubAccessError, f"may not do this to {hub.location}"),
        (404, HubError, f"{hub.location} answers 404.* is that of a hub"),
    ):
        server.trouble = once(status, of="/api/models?")
        with pytest.raises(kind, match=problem):
            list(hub.repositories())


def test_a_hub_that_fails_after_main_has_moved_is_not_taken_to_have_confirmed(
    server: Server, cache: Cache
) -> None:
    assert pull(hub_of(server), REPO, cache=cache).confirmed

    def down(request: BaseHTTPRequestHandler) -> bool:
        send(request, 500, b"{}")
        return True

    server.trouble = down
    hub = hub_of(server)
    hub.patience = 0
    again = pull(hub, REPO, cache=cache)
    assert (again.commit, again.confirmed) == (COMMIT, False)


def test_a_token_does_not_follow_a_redirect_to_another_host(server: Server, cache: Cache) -> None:
    def elsewhere(request: BaseHTTPRequestHandler) -> bool:
        if "/resolve/" in request.path and "127.0.0.1" in request.headers["Host"]:
            place = f"http://localhost:{server.port}{request.path}"
            send(request, 302, b"", {"Location": place})
            return True
        return False

    server.trouble = elsewhere
    assert pull(hub_of(server, token="hf_canary"), REPO, cache=cache).confirmed
    reached = [headers for _, headers in server.requests if "localhost" in headers["host"]]
    assert reached
    assert all("authorization" not in headers for headers in reached)
    assert any("hf_canary" in headers.get("authorization", "") for _, headers in server.requests)


def test_a_file_that_does_not_end_is_cut_off(server: Server, cache: Cache) -> None:
    record = open_bundle(GOLDEN).manifest.files[layout.METRICS]
    server.files[layout.METRICS] += b"x" * (8 << 20)
    with pytest.raises(HubError, match="larger than its manifest says"):
        pull(hub_of(server), REPO, cache=cache)
    partial = cache.root / "partial" / record.sha256
    assert partial.stat().st_size < record.size + (2 << 20)


def test_a_manifest_that_does_not_end_is_not_read(server: Server, cache: Cache) -> None:
    server.files[layout.MANIFEST] = b" " * (layout.MAX_MANIFEST_BYTES + 1)
    with pytest.raises(HubError, match="more than"):
        pull(hub_of(server), REPO, cache=cache)


@pytest.mark.parametrize("etag", ["../../etc/passwd", "x" * 60_000, '"; rm -rf ~; "', "%00"])
def test_hostile_header_values_do_nothing(server: Server, cache: Cache, etag: str) -> None:
    hostile = {
        "ETag": etag,
        "X-Repo-Commit": "../../x",
        "X-Linked-Etag": etag,
        "X-Linked-Size": "-1",
    }

    def headers(request: BaseHTTPRequestHandler) -> bool:
        data = server.files.get(request.path.partition(f"/resolve/{COMMIT}/")[2])
        if data is None:
            return False
        send(request, 200, data, hostile)
        return True

    server.trouble = headers
    pulled = pull(hub_of(server), REPO, cache=cache)
    assert pulled.folder.is_relative_to(cache.root)
    assert pulled.commit == COMMIT


@pytest.mark.parametrize("sha", ["../../../x", "main", "", None, 7, "g" * 40])
def test_a_commit_that_is_none_is_refused(server: Server, cache: Cache, sha: object) -> None:
    def lie(request: BaseHTTPRequestHandler) -> bool:
        if not request.path.startswith("/api/models/"):
            return False
        siblings = [{"rfilename": name, "size": len(data)} for name, data in server.files.items()]
        send(request, 200, json.dumps({"id": REPO, "sha": sha, "siblings": siblings}).encode())
        return True

    server.trouble = lie
    with pytest.raises(HubError, match="commit that is none"):
        pull(hub_of(server), REPO, cache=cache)
    assert not (cache.root / "hubs").exists()


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"id": 3}', b"\xff" * 9])
def test_an_answer_that_is_no_answer_is_a_clear_error(
    server: Server, cache: Cache, body: bytes
) -> None:
    def lie(request: BaseHTTPRequestHandler) -> bool:
        send(request, 200, body)
        return True

    server.trouble = lie
    with pytest.raises((HubError, BundleError)):
        pull(hub_of(server), REPO, cache=cache)


LARGE = 24 << 20
CLIENT = """
import sys
from pathlib import Path
from ticket_hub.bundle.manifest_records import (FileRecord)
from ticket_hub.hub import Cache, connect
from ticket_hub.hub.base import Snapshot

endpoint, root, digest, size = sys.argv[1:]
hub = connect(endpoint)
snapshot = Snapshot(repo="ann/golden", commit="1" * 40, files=())
fetch = lambda target, offset: hub.download(snapshot, "big", target, offset=offset, most=int(size))
Cache(Path(root)).ensure("big", FileRecord(sha256=digest, size=int(size)), fetch)
"""


def test_a_large_download_goes_on_after_kill_9(server: Server, cache: Cache) -> None:
    whole = bytes(range(256)) * (LARGE // 256)
    digest = sha256(whole).hexdigest()
    served: list[int] = []

    def slow(request: BaseHTTPRequestHandler) -> bool:
        if "/resolve/" not in request.path:
            return False
        start = int(request.headers.get("Range", "bytes=0-")[6:].partition("-")[0])
        request.send_response(206 if start else 200)
        request.send_header("Content-Length", str(LARGE - start))
        request.end_headers()
        served.append(0)
        try:
            for place in range(start, LARGE, 1 << 18):
                request.wfile.write(whole[place : place + (1 << 18)])
                served[-1] += len(whole[place : place + (1 << 18)])
                if len(served) == 1 and place > LARGE // 2:
                    time.sleep(30)  # until the client is dead
        except OSError:
            request.close_connection = True
        return True

    server.trouble = slow
    arguments = [sys.executable, "-c", CLIENT, server.endpoint, str(cache.root), digest, str(LARGE)]
    client = subprocess.Popen(arguments)
    partial = cache.root / "partial" / digest
    while not partial.is_file() or partial.stat().st_size < LARGE // 4:
        assert client.poll() is None
        time.sleep(0.02)
    os.kill(client.pid, signal.SIGKILL)
    client.wait()
    had = partial.stat().st_size

    snapshot = Snapshot(repo=REPO, commit=COMMIT, files=())
    hub = hub_of(server)
    record = FileRecord(sha256=digest, size=LARGE)

    def fetch(target: Path, offset: int) -> None:
        hub.download(snapshot, "big", target, offset=offset, most=LARGE)

    assert cache.ensure("big", record, fetch) == "fetched"
    assert served[1] == LARGE - had
    assert cache.blob(digest).read_bytes() == whole
