"""Handing files out: ranges, conditions, tags that stay."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import HfApi
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.forked import start_hub
from ticket_hub_api.background import RunningHub
from ticket_hub_api.settings import Settings
from ticket_hub_api.web.content import UnsatisfiableRangeError, parse_range

Call = Callable[..., Any]
CONTENT = hashlib.shake_256(b"content").digest(700_000)


def send_large(call: Call, repository: str, path: str, content: bytes) -> None:
    """Push one large file as a client without the chunked protocol does."""
    sha256 = hashlib.sha256(content).hexdigest()
    item = {"oid": sha256, "size": len(content)}
    batch = {"operation": "upload", "transfers": ["basic"], "objects": [item]}
    answer = call("POST", f"/{repository}.git/info/lfs/objects/batch", batch).json["objects"][0]
    if "actions" in answer:
        where = answer["actions"]["upload"]["href"]
        assert call("PUT", "/" + where.split("/", 3)[3], content, token="").status == 200
    value = {"path": path, "algo": "sha256", **item}
    lines = [{"key": "header", "value": {"summary": "x"}}, {"key": "lfsFile", "value": value}]
    body = "\n".join(map(json.dumps, lines)).encode()
    assert call("POST", f"/api/models/{repository}/commit/main", body).status == 200


@pytest.fixture(params=["lfs", "xet"])
def stored(call: Call, api: HfApi, repository: str, request: pytest.FixtureRequest) -> str:
    """The address of a large file that came by either way."""
    content = CONTENT + request.param.encode()
    if request.param == "xet":
        api.upload_file(path_or_fileobj=content, path_in_repo="x.bin", repo_id=repository)
    else:
        send_large(call, repository, "x.bin", content)
    return f"/{repository}/resolve/main/x.bin"


def test_any_part_of_a_file_can_be_fetched(call: Call, stored: str) -> None:
    whole = call("GET", stored).body
    assert whole[:-3] == CONTENT
    size = len(whole)
    for start, stop in ((0, 1), (0, size), (1, 65_537), (131_071, 131_073), (size - 1, size)):
        part = call("GET", stored, headers={"Range": f"bytes={start}-{stop - 1}"})
        assert (part.status, part.body) == (206, whole[start:stop])
        assert part.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{size}"
    assert call("GET", stored, headers={"Range": "bytes=-10"}).body == whole[-10:]
    assert call("GET", stored, headers={"Range": f"bytes={size - 5}-"}).body == whole[-5:]
    assert call("GET", stored, headers={"Range": f"bytes=5-{10 * size}"}).body == whole[5:]


def test_a_range_behind_the_end_is_refused_with_the_size(call: Call, stored: str) -> None:
    answer = call("GET", stored, headers={"Range": "bytes=900000-"})
    assert (answer.status, answer.headers["Content-Range"]) == (416, "bytes */700003")


def test_ranges_that_make_no_sense_mean_the_whole_file(call: Call, stored: str) -> None:
    for text in ("bytes=5-2", "lines=1-2", "bytes=-", "bytes=0-1,3-4", "bytes=a-b", "x"):
        assert call("GET", stored, headers={"Range": text}).status == 200


def test_an_unchanged_file_is_not_sent_again(call: Call, stored: str) -> None:
    tag = call("HEAD", stored).headers["ETag"]
    same = call("GET", stored, headers={"If-None-Match": f'"other", W/{tag}'})
    assert (same.status, same.body, same.headers["ETag"]) == (304, b"", tag)
    assert call("GET", stored, headers={"If-None-Match": '"other"'}).status == 200
    part = {"Range": "bytes=0-3"}
    assert call("GET", stored, headers={**part, "If-Range": tag}).status == 206
    assert call("GET", stored, headers={**part, "If-Range": '"other"'}).status == 200


def test_what_is_handed_out_is_never_run_by_a_browser(call: Call, repository: str) -> None:
    import base64

    page = base64.b64encode(b"<script>alert(1)</script>").decode()
    value = {"path": 'a";b.html', "content": page, "encoding": "base64"}
    lines = [{"key": "header", "value": {"summary": "x"}}, {"key": "file", "value": value}]
    call(
        "POST", f"/api/models/{repository}/commit/main", "\n".join(map(json.dumps, lines)).encode()
    )
    answer = call("GET", f"/{repository}/resolve/main/a%22%3Bb.html")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Content-Disposition"] == "attachment; filename*=UTF-8''a%22%3Bb.html"


def test_tags_and_contents_survive_a_restart(tmp_path: Path) -> None:
    hub = start_hub(Settings(folder=tmp_path))
    try:
        api = HfApi(endpoint=hub.endpoint, token=hub.token)
        name = api.create_repo("stays").repo_id
        api.upload_file(path_or_fileobj=CONTENT, path_in_repo="x.bin", repo_id=name)
        before = tags(hub, name)
        hub.kill()
        hub = start_hub(hub.settings, port=hub.port)
        assert tags(hub, name) == before
    finally:
        hub.stop()


def tags(hub: RunningHub, name: str) -> list[tuple[str, str | None]]:
    api = HfApi(endpoint=hub.endpoint, token=hub.token)
    files = api.list_repo_files(name)
    found = [api.get_paths_info(name, file)[0] for file in files]
    sha = str(api.model_info(name).sha)
    return [(sha, item.path + str(getattr(item, "blob_id", ""))) for item in found]


def test_fifty_pulls_at_once(call: Call, stored: str) -> None:
    bodies: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: bodies.append(call("GET", stored).body)) for _ in range(50)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(bodies) == 50
    assert {hashlib.sha256(body).hexdigest() for body in bodies} == {
        hashlib.sha256(bodies[0]).hexdigest()
    }
    assert bodies[0][:-3] == CONTENT


def test_a_download_of_the_config_is_counted(
    tmp_path: Path,
) -> None:
    own = start_hub(Settings(folder=tmp_path))
    api = HfApi(endpoint=own.endpoint, token=own.token)
    name = api.create_repo("counted").repo_id
    api.upload_file(path_or_fileobj=b"{}", path_in_repo="config.json", repo_id=name)
    for _ in range(3):
        api.hf_hub_download(name, "config.json", local_dir=tmp_path / "here", force_download=True)
    own.stop()
    again = start_hub(own.settings)
    counted = HfApi(endpoint=again.endpoint, token=again.token).model_info(name).downloads
    again.stop()
    assert counted == 3


@given(size=st.integers(0, 50), start=st.integers(0, 60), stop=st.integers(0, 60))
@settings(max_examples=300)
def test_a_range_lies_in_its_file(size: int, start: int, stop: int) -> None:
    for text in (f"bytes={start}-{stop}", f"bytes={start}-", f"bytes=-{stop}"):
        try:
            part = parse_range(text, size)
        except UnsatisfiableRangeError:
            continue
        if part is not None:
            assert 0 <= part[0] < part[1] <= size
