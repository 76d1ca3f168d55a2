"""The traps of the protocol, each as the client meets it, over plain HTTP."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from huggingface_hub import CommitOperationAdd, HfApi

from ticket_hub_api.background import RunningHub

Call = Callable[..., Any]


def commit_body(*operations: dict[str, Any], **header: str) -> bytes:
    lines = [{"key": "header", "value": {"summary": "a change", **header}}, *operations]
    return b"\n".join(json.dumps(line).encode() for line in lines)


def file(path: str, content: bytes) -> dict[str, Any]:
    encoded = base64.b64encode(content).decode()
    return {"key": "file", "value": {"path": path, "content": encoded, "encoding": "base64"}}


def commit(call: Call, repository: str, *operations: dict[str, Any], **header: str) -> Any:  # noqa: ANN401 - what `call` gives
    return call("POST", f"/api/models/{repository}/commit/main", commit_body(*operations, **header))


def test_errors_carry_the_code_that_clients_map(call: Call, repository: str) -> None:
    cases = {
        "/api/models/nobody/nothing": (404, "RepoNotFound"),
        f"/api/models/{repository}/revision/nowhere": (404, "RevisionNotFound"),
        f"/{repository}/resolve/main/nothing.here": (404, "EntryNotFound"),
        f"/api/models/{repository}/tree/main/no/folder": (404, "EntryNotFound"),
    }
    for path, expected in cases.items():
        answer = call("GET", path)
        assert (answer.status, answer.headers["X-Error-Code"]) == expected
        assert answer.json["error"] == answer.headers["X-Error-Message"]


def test_a_hidden_repository_looks_like_a_missing_one(call: Call, api: HfApi) -> None:
    secret = api.create_repo(f"secret-{uuid.uuid4().hex[:8]}", private=True).repo_id
    for path in ("/api/models/{}", "/api/models/{}/tree/main", "/{}/resolve/main/x"):
        hidden = call("GET", path.format(secret), token="")
        missing = call("GET", path.format("nobody/nothing"), token="")
        assert (hidden.status, hidden.body) == (missing.status, missing.body) == (401, hidden.body)
        assert hidden.headers["X-Error-Code"] == missing.headers["X-Error-Code"] == "RepoNotFound"


def test_a_repository_that_exists_is_answered_with_its_address(
    call: Call, api: HfApi, repository: str
) -> None:
    answer = call("POST", "/api/repos/create", {"name": repository.split("/")[1]})
    assert answer.status == 409
    assert answer.json["url"] == f"{call.endpoint}/{repository}"  # type: ignore[attr-defined]


def test_encoded_slashes_belong_to_names(call: Call, api: HfApi, repository: str) -> None:
    api.create_branch(repository, branch="a/b")
    content = [CommitOperationAdd("sub/file.txt", b"inside")]
    api.create_commit(repository, content, commit_message="x", revision="a/b")
    for path in ("sub/file.txt", "sub%2Ffile.txt", "sub%2ffile.txt"):
        answer = call("GET", f"/{repository}/resolve/a%2Fb/{path}")
        assert (answer.status, answer.body) == (200, b"inside")
    assert call("GET", f"/api/models/{repository}/tree/a%2Fb/sub").json[0]["path"] == "sub/file.txt"


@pytest.mark.parametrize(
    "name", ["plain.txt", "with space.txt", "ümlaut.txt", "100%.txt", "a+b#c?d&e.txt", "日本.txt"]
)
def test_any_file_name_survives_the_way(call: Call, repository: str, name: str) -> None:
    assert commit(call, repository, file(name, name.encode())).status == 200
    answer = call("GET", f"/{repository}/resolve/main/{quote(name, safe='')}")
    assert answer.body == name.encode()


@pytest.mark.parametrize(
    "path",
    ["", "/etc/passwd", "../x", "a/../b", "a//b", "./a", "a/.", ".git/config", "a\\b", "a\x00b",
     "a\nb", "x" * 300, "/".join(["d" * 200] * 6), "a%2Fb"],
)  # fmt: skip
def test_paths_that_could_do_harm_are_refused(call: Call, repository: str, path: str) -> None:
    assert commit(call, repository, file(path, b"x")).status == 400


def test_a_path_cannot_be_a_file_and_a_folder(call: Call, repository: str) -> None:
    assert commit(call, repository, file("a", b"x")).status == 200
    assert commit(call, repository, file("a/b", b"x")).status == 400


def test_tags_of_files_are_those_of_git_and_of_lfs(call: Call, api: HfApi, repository: str) -> None:
    content = b"some text"
    api.upload_file(path_or_fileobj=content, path_in_repo="a.txt", repo_id=repository)
    api.upload_file(path_or_fileobj=content, path_in_repo="a.bin", repo_id=repository)
    git = hashlib.sha1(b"blob 9\0" + content, usedforsecurity=False).hexdigest()
    sha256 = hashlib.sha256(content).hexdigest()
    regular = call("HEAD", f"/{repository}/resolve/main/a.txt")
    large = call("HEAD", f"/{repository}/resolve/main/a.bin")
    assert regular.headers["ETag"] == f'"{git}"'
    assert large.headers["ETag"] == large.headers["X-Linked-Etag"] == f'"{sha256}"'
    assert large.headers["X-Linked-Size"] == large.headers["Content-Length"] == "9"
    files = {"files": [{"path": p, "sample": "", "size": 9} for p in ("a.txt", "a.bin", "new")]}
    answer = call("POST", f"/api/models/{repository}/preupload/main", files).json["files"]
    assert [item["oid"] for item in answer] == [git, sha256, None]
    assert [item["uploadMode"] for item in answer] == ["regular", "lfs", "regular"]


def test_a_missing_file_still_names_the_commit(call: Call, api: HfApi, repository: str) -> None:
    answer = call("HEAD", f"/{repository}/resolve/main/nothing")
    assert answer.headers["X-Repo-Commit"] == api.model_info(repository).sha


def test_files_are_never_compressed_on_their_way(call: Call, repository: str) -> None:
    commit(call, repository, file("a.txt", b"a" * 10_000))
    answer = call("GET", f"/{repository}/resolve/main/a.txt", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in answer.headers
    assert answer.headers["Content-Length"] == "10000"


def test_every_way_to_read_answers_head_too(call: Call, repository: str) -> None:
    for path in ("/api/models", f"/api/models/{repository}", f"/api/models/{repository}/refs"):
        head, got = call("HEAD", path), call("GET", path)
        assert (head.status, head.body) == (200, b"")
        assert head.headers["Content-Length"] == got.headers["Content-Length"]


def test_a_first_commit_says_which_files_are_large(call: Call, repository: str) -> None:
    attributes = call("GET", f"/{repository}/resolve/main/.gitattributes").body.decode()
    assert "*.safetensors filter=lfs" in attributes


def test_pushes_without_a_parent_all_land(api: HfApi, repository: str) -> None:
    def push(number: int) -> None:
        content = f"{number}".encode()
        api.upload_file(path_or_fileobj=content, path_in_repo=f"{number}.txt", repo_id=repository)

    threads = [threading.Thread(target=push, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {f"{number}.txt" for number in range(8)} <= set(api.list_repo_files(repository))
    assert len(api.list_repo_commits(repository)) == 9


def test_of_pushes_on_one_parent_only_one_wins(call: Call, api: HfApi, repository: str) -> None:
    parent = str(api.model_info(repository).sha)
    statuses = []

    def push(number: int) -> None:
        change = file("same.txt", f"{number}".encode())
        statuses.append(commit(call, repository, change, parentCommit=parent).status)

    threads = [threading.Thread(target=push, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, 412, 412, 412]


def test_a_commit_that_changes_nothing_makes_none(call: Call, repository: str) -> None:
    first = commit(call, repository, file("a.txt", b"x")).json["commitOid"]
    assert commit(call, repository, file("a.txt", b"x")).json["commitOid"] == first


def test_a_commit_whose_answer_was_lost_is_sent_again_and_found_made(
    call: Call, api: HfApi, repository: str
) -> None:
    first = commit(call, repository, file("old", b"1")).json["commitOid"]
    moved = file("new", b"1"), {"key": "deletedFile", "value": {"path": "old"}}
    made = commit(call, repository, *moved, parentCommit=first)
    for header in ({"parentCommit": first}, {}):
        again = commit(call, repository, *moved, **header)
        assert (again.status, again.json["commitOid"]) == (200, made.json["commitOid"])
    # Another message, or another change on the same parent, is another commit.
    assert commit(call, repository, *moved, parentCommit=first, summary="other").status == 412
    assert commit(call, repository, moved[0], parentCommit=first).status == 412
    assert commit(call, repository, moved[1]).status == 400
    assert len(api.list_repo_commits(repository)) == 3


def test_a_large_file_that_never_arrived_is_refused(call: Call, repository: str) -> None:
    value = {"path": "a.bin", "algo": "sha256", "oid": "0" * 64, "size": 3}
    answer = commit(call, repository, {"key": "lfsFile", "value": value})
    assert answer.status == 400
    assert "not uploaded" in answer.json["error"]


def test_a_commit_is_all_or_nothing(call: Call, api: HfApi, repository: str) -> None:
    before = api.model_info(repository).sha
    value = {"path": "a.bin", "algo": "sha256", "oid": "0" * 64, "size": 3}
    commit(call, repository, file("fine.txt", b"x"), {"key": "lfsFile", "value": value})
    assert api.model_info(repository).sha == before


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b"null", b"\xff\xfe", b'{"key":"header"}', b'{"key":1,"value":{}}',
     b'{"key":"header","value":{"summary":5}}', b"[" * 100_000,
     b'{"key":"header","value":{}}\n{"key":"file","value":{"path":"a","content":"!","encoding":"base64"}}',
     b'{"key":"header","value":{}}\n{"key":"burn","value":{"path":"a"}}',
     b'{"key":"header","value":{}}\n{"key":"deletedFile","value":{"path":"no"}}'],
)  # fmt: skip
def test_a_commit_that_makes_no_sense_is_refused(call: Call, repository: str, body: bytes) -> None:
    assert call("POST", f"/api/models/{repository}/commit/main", body).status == 400


def test_garbage_in_one_repository_breaks_no_listing(call: Call, api: HfApi) -> None:
    names = []
    cards = [
        b"---\ntags: [a\n---\n", b"---\n- a\n- b\n---\n", b"\xff\xfe\x00", b"---\ntags: 5\n---\n",
        b"---\na: &a [1]\nb: *a\n---\n", b"---\nx: 2024-01-01\n1: 2\n? [a]\n: b\n---\n",
        b"---\nlibrary_name: [x]\npipeline_tag: {a: b}\ntags: [1, {a: b}, '']\n---\n",
        b"---\nx: .nan\n---\n", b"---\n" + b"a: " + b"[" * 5000 + b"\n---\n",
    ]  # fmt: skip
    for card in cards:
        name = api.create_repo(f"garbage-{uuid.uuid4().hex[:8]}").repo_id
        names.append(name)
        done = commit(
            call, name, file("README.md", card), file("config.json", b"[" * 9000),
            file("model.safetensors", b"\xff" * 64),
        )  # fmt: skip
        assert done.status == 200
    listed = call("GET", "/api/models?full=true&limit=1000")
    assert set(names) <= {item["id"] for item in listed.json}
    assert all(call("GET", f"/api/models/{name}?blobs=true").status == 200 for name in names)


def test_cards_are_checked_with_json_in_either_case(call: Call) -> None:
    good = call("POST", "/api/validate-yaml", {"content": "---\na: 1\n---\n", "repoType": "model"})
    bad = call("POST", "/api/validate-yaml", {"content": "---\na: [\n---\n", "repoType": "model"})
    assert (good.status, good.json["errors"]) == (200, [])
    assert bad.status == 400
    assert bad.json["errors"][0]["message"]


def test_listings_filter_and_page(call: Call, api: HfApi) -> None:
    mark = uuid.uuid4().hex[:8]
    for number in range(5):
        name = api.create_repo(f"page-{mark}-{number}").repo_id
        card = f"---\ntags: [t{mark}, n{number}]\npipeline_tag: p{mark}\n---\n"
        commit(call, name, file("README.md", card.encode()))
    seen: list[str] = []
    path = f"/api/models?filter=t{mark}&limit=2&sort=lastModified&direction=-1"
    while path:
        answer = call("GET", path)
        seen += [item["id"].rpartition("-")[2] for item in answer.json]
        link = re.fullmatch(r'<http://[^/]+(/.*)>; rel="next"', answer.headers.get("Link", ""))
        path = link[1] if link else ""
    assert seen == ["4", "3", "2", "1", "0"]
    assert len(call("GET", f"/api/models?filter=t{mark}&filter=n3").json) == 1
    assert len(call("GET", f"/api/models?pipeline_tag=p{mark}").json) == 5
    assert len(call("GET", f"/api/models?search=PAGE-{mark}-4").json) == 1
    assert call("GET", "/api/models?search=%25").json == []
    for wrong in ("sort=nothing", "cursor=x", "num_parameters=many", "expand=everything"):
        assert call("GET", f"/api/models?{wrong}").status == 400


def test_only_chosen_fields_are_described(call: Call, repository: str) -> None:
    fields = call("GET", f"/api/models/{repository}?expand=sha&expand=downloads").json
    assert set(fields) == {"_id", "id", "modelId", "sha", "downloads"}


def test_long_listings_of_files_come_in_pages(call: Call, repository: str) -> None:
    commit(call, repository, *[file(f"d/{n:02d}.txt", b"x") for n in range(25)])
    first = call("GET", f"/api/models/{repository}/tree/main?recursive=true&limit=20")
    assert len(first.json) == 20
    link = re.fullmatch(r'<http://[^/]+(/.*)>; rel="next"', first.headers["Link"])
    assert link
    rest = call("GET", link[1])
    assert [item["path"] for item in rest.json][-1] == "d/24.txt"
    assert len(rest.json) == 7


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/api/models/{}/super-squash/main"), ("POST", "/api/models/{}/discussions"),
     ("GET", "/api/spaces/a/b"), ("GET", "/api/collections"), ("POST", "/api/models/{}/like"),
     ("POST", "/api/models/{}/commit/main?create_pr=1"), ("GET", "/{}.git/info/refs")],
)  # fmt: skip
def test_what_is_left_out_says_so(call: Call, repository: str, method: str, path: str) -> None:
    answer = call(method, path.format(repository), b"")
    assert (answer.status, answer.headers["X-Error-Code"]) == (501, "NotSupported")


def test_git_shows_what_the_hub_says(hub: RunningHub, repository: str, tmp_path: Path) -> None:
    done = subprocess.run(
        ["git", "-c", "credential.helper=", "clone", f"{hub.endpoint}/{repository}", "clone"],
        cwd=tmp_path,
        env={**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "remote: This hub does not support git itself; fetch with `ticket pull`" in done.stderr


@pytest.mark.parametrize(
    "revision",
    ["nowhere", "0" * 40, "abcdef0", "..%2Fmain", "refs%2Fconvert%2Fx", "main%00", "%20"],
)
def test_a_revision_that_is_not_there_is_said_to_be_missing(
    call: Call, repository: str, revision: str
) -> None:
    for path in (
        f"/api/models/{repository}/revision/{revision}",
        f"/{repository}/resolve/{revision}/x",
    ):
        answer = call("GET", path)
        assert (answer.status, answer.headers["X-Error-Code"]) == (404, "RevisionNotFound")


def test_commits_can_be_named_by_their_first_digits(
    api: HfApi, call: Call, repository: str
) -> None:
    sha = str(api.model_info(repository).sha)
    assert call("GET", f"/api/models/{repository}/revision/{sha[:7]}").json["sha"] == sha


def test_ignored_files_are_marked(call: Call, repository: str) -> None:
    body = {
        "files": [{"path": p, "sample": "", "size": 3} for p in ("a.log", "b.txt", "tmp/x")],
        "gitIgnore": "*.log\ntmp/\n" + "*" * 1000,
    }
    answer = call("POST", f"/api/models/{repository}/preupload/main", body).json["files"]
    assert [item["shouldIgnore"] for item in answer] == [True, False, True]


def test_data_sets_live_beside_models_of_the_same_name(api: HfApi, repository: str) -> None:
    api.create_repo(repository, repo_type="dataset")
    api.upload_file(
        path_or_fileobj=b"rows", path_in_repo="a.csv", repo_id=repository, repo_type="dataset"
    )
    assert "a.csv" in api.list_repo_files(repository, repo_type="dataset")
    assert "a.csv" not in api.list_repo_files(repository)
    assert repository in [item.id for item in api.list_datasets(limit=1000)]
