"""Sending files through the chunk store: what is believed (nothing), and what is reused."""

from __future__ import annotations

import hashlib
import random
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import CommitOperationAdd, HfApi

from tests.helpers.chunked import Sent
from ticket_hub_api.background import RunningHub
from ticket_hub_api.maintenance.collect import collect
from ticket_hub_api.store.blobs import open_blobs
from ticket_hub_api.store.database import Database
from ticket_hub_api.store.xet.hashing import file_hash, to_text

Call = Callable[..., Any]


@pytest.fixture
def sent() -> Sent:
    return Sent(uuid.uuid4().bytes * 20, uuid.uuid4().bytes * 30)


@pytest.fixture
def token(call: Call, repository: str) -> str:
    answer = call("GET", f"/api/models/{repository}/xet-write-token/main")
    secret: str = answer.json["accessToken"]
    assert answer.headers["X-Xet-Access-Token"] == secret
    return secret


def send(call: Call, token: str, sent: Sent) -> None:
    where = f"/xet/g/v1/xorbs/default/{to_text(sent.xorb_hash)}"
    assert call("POST", where, sent.xorb, token=token).json == {"was_inserted": True}
    assert call("POST", where, sent.xorb, token=token).json == {"was_inserted": False}


def test_a_file_is_rebuilt_from_what_was_sent(
    call: Call, repository: str, token: str, sent: Sent
) -> None:
    send(call, token, sent)
    assert call("POST", "/xet/g/v1/shards", sent.shard(), token=token).json == {"result": 1}
    sha256 = hashlib.sha256(sent.content).hexdigest()
    value = f'{{"path": "a.bin", "algo": "sha256", "oid": "{sha256}", "size": 800}}'
    body = f'{{"key":"header","value":{{"summary":"x"}}}}\n{{"key":"lfsFile","value":{value}}}'
    assert call("POST", f"/api/models/{repository}/commit/main", body.encode()).status == 200
    assert call("GET", f"/{repository}/resolve/main/a.bin").body == sent.content
    (entry,) = [e for e in call("GET", f"/api/models/{repository}/tree/main").json if "lfs" in e]
    assert entry["xetHash"] == to_text(file_hash(sent.nodes))


@pytest.mark.parametrize(
    "wrong",
    [{"file": b"f" * 32}, {"xorb": b"x" * 32}, {"length": 799}, {"start": 1}, {"stop": 3},
     {"start": 2}, {"proof": b"p" * 32}, {"sha256": b"s" * 32}],
    ids=lambda wrong: next(iter(wrong)),
)  # fmt: skip
def test_nothing_that_a_shard_says_is_believed(
    call: Call, token: str, sent: Sent, wrong: dict[str, Any]
) -> None:
    send(call, token, sent)
    assert call("POST", "/xet/g/v1/shards", sent.shard(**wrong), token=token).status == 400


def test_a_xorb_under_another_hash_is_refused(call: Call, token: str, sent: Sent) -> None:
    assert call("POST", f"/xet/g/v1/xorbs/default/{'0' * 64}", sent.xorb, token=token).status == 400
    where = f"/xet/g/v1/xorbs/default/{to_text(sent.xorb_hash)}"
    broken = sent.xorb[:-1] + bytes([sent.xorb[-1] ^ 1])
    assert call("POST", where, broken, token=token).status == 400
    assert call("POST", where, sent.xorb[:-1], token=token).status == 400


def test_a_shard_before_its_xorb_is_refused(call: Call, token: str, sent: Sent) -> None:
    answer = call("POST", "/xet/g/v1/shards", sent.shard(), token=token)
    assert answer.status == 400
    assert "send it first" in answer.json["error"]


def test_a_read_token_cannot_send(call: Call, repository: str, sent: Sent) -> None:
    answer = call("GET", f"/api/models/{repository}/xet-read-token/main")
    where = f"/xet/g/v1/xorbs/default/{to_text(sent.xorb_hash)}"
    assert call("POST", where, sent.xorb, token=answer.json["accessToken"]).status == 403
    assert call("POST", where, sent.xorb).status == 401


def test_a_token_of_one_repository_shows_no_file_of_another(
    call: Call, api: HfApi, repository: str
) -> None:
    content = random.Random(5).randbytes(200_000)
    api.upload_file(path_or_fileobj=content, path_in_repo="a.bin", repo_id=repository)
    (entry,) = [e for e in call("GET", f"/api/models/{repository}/tree/main").json if "lfs" in e]
    other = api.create_repo(f"other-{uuid.uuid4().hex[:8]}").repo_id
    path = f"/xet/g/v1/reconstructions/{entry['xetHash']}"
    for name, status in ((repository, 200), (other, 404)):
        answer = call("GET", f"/api/models/{name}/xet-read-token/main")
        assert call("GET", path, token=answer.json["accessToken"]).status == status


def test_parts_of_a_file_are_described_exactly(call: Call, api: HfApi, repository: str) -> None:
    content = random.Random(6).randbytes(1_000_000)
    api.upload_file(path_or_fileobj=content, path_in_repo="a.bin", repo_id=repository)
    (entry,) = [e for e in call("GET", f"/api/models/{repository}/tree/main").json if "lfs" in e]
    secret = call("GET", f"/api/models/{repository}/xet-read-token/main").json["accessToken"]
    path = f"/xet/g/v1/reconstructions/{entry['xetHash']}"
    for start, stop in ((0, 1_000_000), (0, 1), (500_000, 700_001), (999_999, 1_000_000)):
        answer = call("GET", path, token=secret, headers={"Range": f"bytes={start}-{stop - 1}"})
        got = b"".join(fetch(call, term, answer.json) for term in answer.json["terms"])
        skip = answer.json["offset_into_first_range"]
        assert got[skip : skip + stop - start] == content[start:stop]
    behind = call("GET", path, token=secret, headers={"Range": "bytes=1000000-"})
    assert behind.status == 416


def fetch(call: Call, term: dict[str, Any], answer: dict[str, Any]) -> bytes:
    """The bytes of a term, fetched and decoded as a client does."""
    from ticket_hub_api.store.xet.chunks import decode

    (where,) = [f for f in answer["fetch_info"][term["hash"]] if f["range"] == term["range"]]
    span = f"bytes={where['url_range']['start']}-{where['url_range']['end']}"
    path = "/" + where["url"].split("/", 3)[3]
    stored = call("GET", path, token="", headers={"Range": span}).body
    assert len(stored) == where["url_range"]["end"] - where["url_range"]["start"] + 1
    pieces = []
    while stored:
        stop = 8 + int.from_bytes(stored[1:4], "little")
        pieces.append(decode(stored[:stop]))
        stored = stored[stop:]
    data = b"".join(pieces)
    assert len(data) == term["unpacked_length"]
    return data


def test_chunks_that_were_sent_before_are_not_sent_again(
    api: HfApi, repository: str, hub: RunningHub
) -> None:
    content = random.Random(7).randbytes(4_000_000)
    folder = hub.settings.folder / "blobs/xorbs"

    def stored() -> int:
        return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

    before = stored()
    api.create_commit(repository, [CommitOperationAdd("a.bin", content)], commit_message="first")
    first = stored() - before
    changed = content[:2_000_000] + b"inserted" + content[2_000_000:]
    api.create_commit(repository, [CommitOperationAdd("b.bin", changed)], commit_message="second")
    assert 4_000_000 <= first < 4_100_000
    assert stored() - before - first < 500_000


def test_a_hub_without_xet_says_what_to_do(
    start: Callable[..., RunningHub], run_client: Callable[..., str], call_to: Call
) -> None:
    hub = start(xet=False)
    assert "done" in run_client("use_everything.py", target=hub, xet=False)
    with pytest.raises(AssertionError, match="501 Not Implemented"):
        run_client("use_everything.py", target=hub, xet=True)
    own = call_to(hub)
    name = HfApi(endpoint=hub.endpoint, token=hub.token).create_repo("plain").repo_id
    answer = own("GET", f"/api/models/{name}/xet-write-token/main")
    assert answer.status == 501
    assert "HF_HUB_DISABLE_XET=1" in answer.json["error"]


def test_a_new_hub_at_an_old_address_gets_everything_again(
    start: Callable[..., RunningHub], run_client: Callable[..., str], tmp_path: Path
) -> None:
    """Clients remember, by address, which chunks they have sent."""
    (tmp_path / "w.bin").write_bytes(random.Random(8).randbytes(500_000))
    first = start(folder=tmp_path / "first")
    name = HfApi(endpoint=first.endpoint, token=first.token).create_repo("r").repo_id
    run_client("move_large.py", "push", name, str(tmp_path / "w.bin"), target=first)
    first.stop()
    second = start(folder=tmp_path / "second", port=first.port)
    HfApi(endpoint=second.endpoint, token=second.token).create_repo("r")
    run_client("move_large.py", "push", name, str(tmp_path / "w.bin"), target=second)
    digest = hashlib.sha256((tmp_path / "w.bin").read_bytes()).hexdigest()
    assert digest in run_client("move_large.py", "pull", name, str(tmp_path), target=second)


def test_chunks_that_were_collected_are_sent_again(
    start: Callable[..., RunningHub], run_client: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "w.bin").write_bytes(random.Random(9).randbytes(500_000))
    hub = start()
    api = HfApi(endpoint=hub.endpoint, token=hub.token)
    for _ in range(2):
        name = api.create_repo("again").repo_id
        run_client("move_large.py", "push", name, str(tmp_path / "w.bin"), target=hub)
        api.delete_repo(name)
        database = Database(hub.settings.database_url)
        blobs = open_blobs(hub.settings.storage_url, hub.settings.spool)
        assert collect(database, blobs, grace_seconds=-60, xet_seconds=-60).xorbs == 1
        database.close()
