"""Names that some machine cannot hold, or that mean another file there, are refused on push."""

from __future__ import annotations

import base64
import json
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from huggingface_hub import HfApi
from hypothesis import given
from hypothesis import strategies as st

from ticket_hub_api.errors import ApiError
from ticket_hub_api.hub_protocol.changes import check_names
from ticket_hub_api.store.names import check_path, folded

Call = Callable[..., Any]
CASES = {
    "belongs to git": [
        ".git", ".git/x", "a/.git/x", "a/b/.GIT/hooks/post-checkout", ".Git", "a/.g\u200cit/x",
        "git~1/x", "\u200d.git", "a/GIT~1",
    ],
    "names no file or folder": ["", "/a", "a/", "a//b", "..", "../x", "a/../../x", "a/./b", "."],
    "control character": [
        "a\x00b", "a\nb", "a\rb", "a\x1bb", "a\x7fb", "a\x85b", "a\x9bb", "a\u2028b",
        "a\u202etxt.exe", "a\u2066b", "a\u200fb", "\ufeffa", "a\ud800b", "\udcff",
    ],
    "device on Windows": [
        "con", "CON.txt", "a/aux/x", "nul.tar.gz", "prn", "com1", "Lpt9.log", "com\u00b9", "conin$",
    ],
    "dot or a space at the end": ["a.", "a ", "a./b", "a /b", "con .."],
    "divided by": ["a\\b", "a%2Fb", "a%2fb"],
    "longer than": ["x" * 256, "é" * 128, "/".join(["d" * 200] * 6)],
}  # fmt: skip
ALLOWED = [
    "a.txt", ".gitignore", ".gitattributes", "a.git", ".github/x", "console", "aux1/x", "com10",
    "com", "a b", "ümlaut", "日本.txt", "a+b#c?d&e.txt", "100%.txt", "👨\u200d👩\u200d👧.png",
    "\u0646\u0627\u0645\u0647\u200c\u0627\u06cc.txt", "...x", "x" * 255, "git", "lpt", "nul_/x",
]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "reason"), [(path, why) for why, paths in CASES.items() for path in paths]
)
def test_a_path_is_refused_with_its_reason(path: str, reason: str) -> None:
    with pytest.raises(ApiError, match=reason) as caught:
        check_path(path)
    assert caught.value.status == 400
    assert caught.value.message.isascii()


@pytest.mark.parametrize("path", ALLOWED)
def test_other_paths_are_taken(path: str) -> None:
    assert check_path(path) == path


@given(st.text(min_size=1, max_size=40))
def test_a_path_that_is_taken_can_be_written_down(path: str) -> None:
    try:
        taken = check_path(path)
    except ApiError:
        return
    assert taken.encode().decode() == path
    assert not {".", "..", ""} & set(taken.split("/"))
    assert not any(unicodedata.category(letter) in {"Cc", "Cs"} for letter in taken)


@pytest.mark.parametrize(
    ("one", "other"),
    [("README.md", "Readme.md"), ("a/x", "A/y"), ("caf\u00e9", "cafe\u0301"), ("ß", "SS"),
     ("a/\u00c5", "a/\u212b"), ("d/caf\u00e9/1", "d/CAFE\u0301/2")],
)  # fmt: skip
def test_names_that_a_file_system_takes_for_one_are_refused(one: str, other: str) -> None:
    with pytest.raises(ApiError, match="differ only in case"):
        check_names([one, other], [one])
    with pytest.raises(ApiError, match="differ only in case"):
        check_names([one, other], [])
    assert folded(one) == folded(other) or "/" in one
    check_names([one, other, "new.txt"], [one, other])  # they were there before


def test_a_file_beside_a_folder_of_nearly_its_name_is_refused() -> None:
    with pytest.raises(ApiError, match="differ only in case"):
        check_names(["data", "Data/x"], ["data"])
    with pytest.raises(ApiError, match="is a file"):
        check_names(["data", "data/x"], ["data"])


def lines(*operations: tuple[str, dict[str, Any]]) -> bytes:
    header = ("header", {"summary": "x"})
    return b"\n".join(
        json.dumps({"key": key, "value": value}).encode() for key, value in (header, *operations)
    )


def added(path: str) -> tuple[str, dict[str, Any]]:
    return "file", {"path": path, "content": base64.b64encode(b"x").decode(), "encoding": "base64"}


@pytest.mark.parametrize("path", ["a/.git/x", "../x", "a\ud800b", "a\u202eb", "nul", "readme.md"])
def test_a_push_of_such_a_path_changes_nothing_and_says_why(
    call: Call, api: HfApi, repository: str, path: str
) -> None:
    push = f"/api/models/{repository}/commit/main"
    assert call("POST", push, lines(added("README.md"))).status == 200
    before = api.model_info(repository).sha
    for operation in (added(path), ("lfsFile", {"path": path, "algo": "sha256", "oid": "0" * 64})):
        if operation[0] == "lfsFile" and path == "readme.md":
            continue  # the content is missing, and that is said
        answer = call("POST", push, lines(added("good"), operation))
        assert answer.status == 400
        assert "cannot be the path" in answer.json["error"] or "differ only" in answer.json["error"]
    assert api.model_info(repository).sha == before


def test_a_client_is_told_before_it_sends_the_files(call: Call, repository: str) -> None:
    ask = f"/api/models/{repository}/preupload/main"
    files = [{"path": path, "sample": "", "size": 1} for path in ("a.txt", "x/.git/y", "aux")]
    answer = call("POST", ask, {"files": files})
    assert answer.status == 400
    assert "belongs to git" in answer.json["error"]
    skipped = call("POST", ask, {"files": files, "gitIgnore": ".git\naux\n"})
    assert [file["shouldIgnore"] for file in skipped.json["files"]] == [False, True, True]


def test_a_path_that_is_no_text_is_refused(call: Call, repository: str) -> None:
    for value in ({"content": "x"}, {"path": 3, "content": "x"}, {"path": None, "content": "x"}):
        answer = call("POST", f"/api/models/{repository}/commit/main", lines(("file", value)))
        assert answer.status == 400
