"""huggingface.js, the other official client: the real package, and its requests one by one."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from huggingface_hub import CommitOperationAdd, HfApi

from ticket_hub_api.background import RunningHub

Call = Callable[..., Any]
SCRIPT = Path(__file__).parent / "scripts" / "use_everything.mjs"
LARGE = b"large content"
SHA256 = hashlib.sha256(LARGE).hexdigest()


def test_huggingface_js_works_unchanged(hub: RunningHub, tmp_path: Path) -> None:
    node, installed = shutil.which("node"), os.environ.get("TICKET_TEST_HUGGINGFACE_JS", "")
    if node is None or not installed:
        pytest.skip(
            "needs node, and in TICKET_TEST_HUGGINGFACE_JS a folder in which "
            "`npm install @huggingface/hub` was run"
        )
    done = subprocess.run(
        [node, str(SCRIPT), installed, str(tmp_path)],
        env={**os.environ, "HF_ENDPOINT": hub.endpoint, "HF_TOKEN": hub.token},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert done.stdout.endswith("done\n")


def test_tokens_look_like_those_of_the_public_hub(hub: RunningHub) -> None:
    assert hub.token.startswith("hf_")


@pytest.fixture
def filled(api: HfApi, repository: str) -> str:
    """A repository with a large, a small and an empty file, in two commits more than the first."""
    for number in range(2):
        files = {"a.bin": LARGE, "sub/a.txt": b"text %d" % number, "empty": b""}
        operations = [CommitOperationAdd(path, content) for path, content in files.items()]
        api.create_commit(repository, operations, commit_message=f"number {number}")
    return repository


@pytest.mark.parametrize("name", ["sha256", "sha_256"])
def test_both_spellings_of_the_digest_are_known(call: Call, repository: str, name: str) -> None:
    batch = {"operation": "upload", "transfers": ["basic", "multipart", "xet"], "hash_algo": name,
             "ref": {"name": "main"}, "objects": [{"oid": "0" * 64, "size": 3}]}  # fmt: skip
    answer = call("POST", f"/{repository}.git/info/lfs/objects/batch", batch)
    assert answer.json["transfer"] == "basic"
    assert "upload" in answer.json["objects"][0]["actions"]
    batch["hash_algo"] = "sha1"
    assert call("POST", f"/{repository}.git/info/lfs/objects/batch", batch).status == 400


@pytest.mark.parametrize(
    "path", ["/api/models/{}/revision/HEAD?expand=sha", "/api/models/{}/tree/HEAD",
             "/{}/resolve/HEAD/sub/a.txt", "/{}/raw/HEAD/sub/a.txt", "/api/models/{}/commits/HEAD"],
)  # fmt: skip
def test_head_is_the_default_branch(call: Call, filled: str, path: str) -> None:
    by_head = call("GET", path.format(filled))
    by_name = call("GET", path.format(filled).replace("HEAD", "main"))
    assert (by_head.status, by_head.body) == (200, by_name.body)


def test_paths_may_be_asked_for_in_json(call: Call, filled: str) -> None:
    ask = f"/api/models/{filled}/paths-info/main"
    answer = call("POST", ask, {"paths": ["a.bin", "sub", "no", "a.bin"], "expand": True})
    assert [(item["path"], item["type"]) for item in answer.json] == [
        ("a.bin", "file"), ("sub", "directory"),
    ]  # fmt: skip
    assert answer.json[0]["lfs"]["oid"] == SHA256
    assert answer.json[0]["lastCommit"]["title"] == "number 0"
    assert "lastCommit" not in call("POST", ask, {"paths": ["a.bin"]}).json[0]
    form = b"paths=a.bin&paths=sub&expand=False"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert [item["path"] for item in call("POST", ask, form, headers=headers).json] == [
        "a.bin",
        "sub",
    ]


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [("application/json", b'{"expand": true}', 400), ("application/json", b"paths=a", 400),
     ("application/json", b'{"paths": "a"}', 400), ("application/json", b'{"paths": [3]}', 400),
     ("application/json; charset=utf-8", b'{"paths": []}', 200), ("text/plain", b"a", 415),
     ("", b'{"paths": ["a"]}', 400), ("", b"", 400), ("", b"&".join([b"paths=a"] * 1001), 400),
     ("application/x-www-form-urlencoded", b"expand=1", 200)],
)  # fmt: skip
def test_a_body_that_names_no_paths_is_never_answered_with_an_empty_list(
    call: Call, filled: str, kind: str, body: bytes, status: int
) -> None:
    headers = {"Content-Type": kind} if kind else {}
    ask = f"/api/models/{filled}/paths-info/main"
    assert call("POST", ask, body, headers=headers).status == status


def test_raw_files_are_what_git_would_hold(call: Call, filled: str) -> None:
    small = call("GET", f"/{filled}/raw/main/sub/a.txt")
    assert (small.status, small.body) == (200, b"text 1")
    pointer = call("GET", f"/{filled}/raw/main/a.bin")
    expected = f"version https://git-lfs.github.com/spec/v1\noid sha256:{SHA256}\nsize 13\n"
    assert pointer.body.decode() == expected
    git = hashlib.sha1(b"blob %d\0" % len(pointer.body) + pointer.body, usedforsecurity=False)
    assert pointer.headers["ETag"] == f'"{git.hexdigest()}"'
    part = call("GET", f"/{filled}/raw/main/a.bin", headers={"Range": "bytes=0-6"})
    assert (part.status, part.body) == (206, b"version")
    assert part.headers["Content-Range"] == f"bytes 0-6/{len(expected)}"
    head = call("HEAD", f"/{filled}/raw/main/a.bin")
    assert (head.status, head.headers["Content-Length"]) == (200, str(len(expected)))
    missing = call("HEAD", f"/{filled}/raw/main/no")
    assert (missing.status, missing.headers["X-Error-Code"]) == (404, "EntryNotFound")


def test_an_empty_file_says_how_long_it_is(call: Call, filled: str) -> None:
    answer = call("GET", f"/{filled}/resolve/main/empty", headers={"Range": "bytes=0-0"})
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["Content-Range"].rpartition("/")[2] == "0"


@pytest.mark.parametrize("limit", [1, 2, 50])
def test_a_history_says_how_many_commits_it_has(call: Call, filled: str, limit: int) -> None:
    answer = call("GET", f"/api/models/{filled}/commits/main?limit={limit}")
    assert answer.headers["X-Total-Count"] == "3"
    assert len(answer.json) == min(limit, 3)
    assert ("Link" in answer.headers) == (limit < 3)
    older = answer.json[-1]["id"]
    rest = call("GET", f"/api/models/{filled}/commits/{older}?limit=1").headers["X-Total-Count"]
    assert int(rest) == 3 - len(answer.json) + 1


def test_a_branch_may_be_moved_when_that_is_asked_for(call: Call, api: HfApi, filled: str) -> None:
    first = api.list_repo_commits(filled)[-1].commit_id
    branch = f"/api/models/{filled}/branch/b"

    def sha() -> str:
        return str(call("GET", f"/api/models/{filled}/revision/b").json["sha"])

    assert call("POST", branch, {}).status == 200
    assert call("POST", branch, {"startingPoint": first}).status == 409
    assert call("POST", branch, {"overwrite": True}).status == 200
    assert sha() != first
    assert call("POST", branch, {"overwrite": True, "startingPoint": first}).status == 200
    assert sha() == first
    assert call("POST", branch, {"emptyBranch": True}).status == 501
    main = f"/api/models/{filled}/branch/main"
    assert call("POST", main, {"overwrite": True, "startingPoint": first}).status == 400


@pytest.mark.parametrize(
    ("extra", "status"),
    [({"files": [{"path": "a/.git/x", "content": ""}]}, 400), ({"resourceGroupId": "x"}, 501),
     ({"files": [{"path": "a", "content": "??", "encoding": "base64"}]}, 400),
     ({"files": [{"path": "a", "content": ""}, {"path": "A", "content": ""}]}, 400),
     ({"visibility": "protected"}, 400)],
)  # fmt: skip
def test_a_repository_that_cannot_be_as_asked_for_is_not_made(
    call: Call, owner: str, extra: dict[str, Any], status: int
) -> None:
    name = "never-" + hashlib.sha256(repr(extra).encode()).hexdigest()[:8]
    assert call("POST", "/api/repos/create", {"name": name, **extra}).status == status
    assert call("GET", f"/api/models/{owner}/{name}").status == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/api/spaces?limit=5"), ("GET", "/api/spaces/a/b/revision/HEAD"),
     ("POST", "/api/buckets/a/b"), ("POST", "/api/models/a/b/batch"), ("GET", "/api/jobs/a"),
     ("GET", "/api/jobs/hardware"), ("POST", "/api/scheduled-jobs/a"), ("POST", "/api/collections"),
     ("POST", "/api/collections/a/items"), ("GET", "/.well-known/openid-configuration"),
     ("GET", "/api/buckets/a/b/tree"), ("GET", "/api/users/ann/likes")],
)  # fmt: skip
def test_other_addresses_of_the_package_are_refused_clearly(
    call: Call, method: str, path: str
) -> None:
    answer = call(method, path, b"{}" if method == "POST" else None)
    assert (answer.status, answer.headers["X-Error-Code"]) == (501, "NotSupported"), quote(path)
