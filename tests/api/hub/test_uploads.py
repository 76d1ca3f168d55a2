"""Sending large files without the chunked protocol."""

from __future__ import annotations

import hashlib
import math
import socket
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from huggingface_hub import HfApi

from ticket_hub_api.background import RunningHub

Call = Callable[..., Any]
PART = 5 << 20


def ask(call: Call, repository: str, content: bytes, *transfers: str) -> dict[str, Any]:
    item = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content)}
    batch = {"operation": "upload", "transfers": transfers or ["basic"], "objects": [item]}
    answer = call("POST", f"/{repository}.git/info/lfs/objects/batch", batch)
    found: dict[str, Any] = answer.json["objects"][0]
    return found


def path_of(address: str) -> str:
    return urlsplit(address).path


def put(call: Call, address: str, content: bytes) -> Any:  # noqa: ANN401 - what `call` gives
    return call("PUT", path_of(address), content, token="")


def test_an_address_allows_its_object_and_no_other(call: Call, repository: str) -> None:
    content = uuid.uuid4().bytes
    address = ask(call, repository, content)["actions"]["upload"]["href"]
    assert put(call, address, content + b"x").status == 413
    assert put(call, address, content[:-1]).status == 400
    assert put(call, address, b"y" * 16).status == 400
    forged = address[:-1] + ("0" if address[-1] != "0" else "1")
    assert put(call, forged, content).status == 403
    assert put(call, address, content).status == 200
    assert put(call, address, content).status == 200


def test_what_arrived_once_need_not_be_sent_again(call: Call, repository: str) -> None:
    content = uuid.uuid4().bytes
    offer = ask(call, repository, content)
    put(call, offer["actions"]["upload"]["href"], content)
    assert "actions" not in ask(call, repository, content)


def test_arrival_can_be_verified(call: Call, repository: str) -> None:
    content = uuid.uuid4().bytes
    offer = ask(call, repository, content)
    where = path_of(offer["actions"]["verify"]["href"])
    body = {"oid": offer["oid"], "size": 16}
    assert call("POST", where, body).status == 404
    put(call, offer["actions"]["upload"]["href"], content)
    assert call("POST", where, body).status == 200
    assert call("POST", where, {**body, "size": 17}).status == 404


def test_the_same_content_is_stored_once_for_all_repositories(
    call: Call, api: HfApi, hub: RunningHub
) -> None:
    content = uuid.uuid4().bytes * 1000
    sha256 = hashlib.sha256(content).hexdigest()
    for _ in range(3):
        name = api.create_repo(f"same-{uuid.uuid4().hex[:8]}").repo_id
        offer = ask(call, name, content)
        if "actions" in offer:
            put(call, offer["actions"]["upload"]["href"], content)
    copies = list((hub.settings.folder / "blobs").rglob(f"{sha256}-*"))
    assert len(copies) == 1
    assert copies[0].stat().st_mode & 0o222 == 0


def test_a_large_object_goes_in_parts(call: Call, repository: str) -> None:
    content = hashlib.shake_256(uuid.uuid4().bytes).digest(2 * PART + 12_345)
    upload = ask(call, repository, content, "basic", "multipart")["actions"]["upload"]
    header = upload["header"]
    size = int(header.pop("chunk_size"))
    assert len(header) == math.ceil(len(content) / size) == 3
    finish = path_of(upload["href"])
    sent = []
    for number, address in sorted(header.items()):
        start = (int(number) - 1) * size
        done = put(call, address, content[start : start + size])
        sent.append({"partNumber": int(number), "etag": done.headers["ETag"]})
        if len(sent) == 2:
            early = {"oid": hashlib.sha256(content).hexdigest(), "parts": sent}
            assert call("POST", finish, early, token="").status == 400
    body = {"oid": hashlib.sha256(content).hexdigest(), "parts": sent}
    assert call("POST", finish, {**body, "oid": "0" * 64}, token="").status == 400
    assert call("POST", finish, body, token="").status == 200
    assert call("POST", finish, body, token="").status == 200
    assert "actions" not in ask(call, repository, content)


def test_wrong_parts_make_no_object(call: Call, repository: str) -> None:
    content = hashlib.shake_256(uuid.uuid4().bytes).digest(PART + 10)
    upload = ask(call, repository, content, "basic", "multipart")["actions"]["upload"]
    put(call, upload["header"]["00001"], b"\0" * PART)
    put(call, upload["header"]["00002"], b"\0" * 10)
    body = {"oid": hashlib.sha256(content).hexdigest(), "parts": []}
    answer = call("POST", path_of(upload["href"]), body, token="")
    assert answer.status == 400
    assert "actions" in ask(call, repository, content)


def test_a_client_that_goes_away_leaves_nothing(
    call: Call, repository: str, hub: RunningHub
) -> None:
    content = uuid.uuid4().bytes * 100_000
    address = urlsplit(ask(call, repository, content)["actions"]["upload"]["href"])
    request = f"PUT {address.path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(content)}\r\n\r\n"
    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.sendall(request.encode() + content[:900_000])
    assert "actions" in ask(call, repository, content)
    sha256 = hashlib.sha256(content).hexdigest()
    assert not list((hub.settings.folder / "blobs").rglob(f"{sha256}*"))


def test_bodies_have_limits(call: Call, repository: str) -> None:
    huge = b'{"content": "' + b"x" * (5 << 20) + b'"}'
    assert call("POST", "/api/validate-yaml", huge).status == 413
    line = b'{"key": "header", "value": {"summary": "' + b"x" * (29 << 20) + b'"}}'
    assert call("POST", f"/api/models/{repository}/commit/main", line).status == 413


def test_sizes_that_do_not_fit_are_refused(call: Call, repository: str) -> None:
    item = {"oid": "0" * 64, "size": 1 << 50}
    batch = {"operation": "upload", "transfers": ["basic"], "objects": [item]}
    assert call("POST", f"/{repository}.git/info/lfs/objects/batch", batch).status == 413
    assert call("POST", f"/{repository}.git/info/lfs/objects/batch", {"objects": 5}).status == 400
