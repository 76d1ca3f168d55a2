"""What a commit request asks for, read line by line so that no body is ever held in memory."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ticket_hub_api.errors import ApiError, bad_request
from ticket_hub_api.store.names import check_path

__all__ = ["Add", "CommitPlan", "Delete", "decode_content", "read_lines", "read_plan"]

MAX_LINE = 28 << 20
MAX_OPERATIONS = 25_000
MAX_TITLE = 4_000
MAX_MESSAGE = 64_000


@dataclass(frozen=True, slots=True)
class Add:
    """A file to write. `oid` is git's id of a regular file, or empty for a large one."""

    path: str
    sha256: str
    size: int | None
    oid: str


@dataclass(frozen=True, slots=True)
class Delete:
    """A file, or a folder with all that is in it, to remove."""

    path: str
    folder: bool


@dataclass
class CommitPlan:
    """A commit as it was asked for."""

    title: str = ""
    message: str = ""
    parent: str = ""
    operations: list[Add | Delete] = field(default_factory=list)


Keep = Callable[[str, bytes], Add]


def read_lines(path: Path) -> Iterator[bytes]:
    """The lines of a file.

    Raises:
        ApiError: 413, when one is longer than 28 MiB.
    """
    with path.open("rb") as stream:
        # One byte more than may be: so a line that is too long is known without being read to its
        # end.
        while line := stream.readline(MAX_LINE + 1):
            if len(line) > MAX_LINE:
                raise ApiError(
                    413, "A regular file in a commit may have 20 MiB at most. Send it as LFS."
                )
            yield line


def read_plan(lines: Iterable[bytes], keep: Keep) -> CommitPlan:
    """Read a commit request.

    Args:
        lines: JSON values, one a line.
        keep: stores a regular file's content, given its path.

    Raises:
        ApiError: 400, when a line is not what the protocol says.
    """
    plan, has_header = CommitPlan(), False
    for line in lines:
        if not line.strip():
            continue
        key, value = _parse(line)
        if key == "header":
            plan.title = _text(value, "summary", MAX_TITLE)
            plan.message = _text(value, "description", MAX_MESSAGE)
            plan.parent = _text(value, "parentCommit", 40).lower()
            has_header = True
        elif len(plan.operations) >= MAX_OPERATIONS:
            raise bad_request(f"A commit may have {MAX_OPERATIONS} operations at most.")
        else:
            plan.operations.append(_read_operation(key, value, keep))
    if not has_header:
        raise bad_request("The commit has no header line.")
    return plan


def _parse(line: bytes) -> tuple[str, dict[str, Any]]:
    try:
        parsed = json.loads(line)
        key, value = parsed["key"], parsed["value"]
    # RecursionError is what a line of ten thousand open brackets raises.
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise bad_request(
            "A line of the commit is not a JSON object with key and value."
        ) from error
    if not isinstance(key, str) or not isinstance(value, dict):
        raise bad_request("A line of the commit is not a JSON object with key and value.")
    return key, value


def _text(value: dict[str, Any], name: str, limit: int) -> str:
    text = value.get(name) or ""
    if not isinstance(text, str):
        raise bad_request(f"{name} is not text.")
    # JSON may have half of a surrogate pair, which no database takes as text.
    return text[:limit].encode(errors="replace").decode()


def _read_operation(key: str, value: dict[str, Any], keep: Keep) -> Add | Delete:
    path = value.get("path")
    if not isinstance(path, str):
        raise bad_request("An operation has no path.")
    if key == "deletedFolder":  # what is there can be removed, whatever it is called
        return Delete(path.rstrip("/"), folder=True)
    if key == "deletedFile":
        return Delete(path, folder=False)
    check_path(path)
    if key == "lfsFile":
        oid, size = _text(value, "oid", 64), value.get("size")
        if value.get("algo", "sha256") != "sha256" or len(oid) != 64:  # noqa: PLR2004 - digits of a sha256
            raise bad_request(f"{path} has no sha256.")
        # `type`, since True is an int to `isinstance`.
        if size is not None and (type(size) is not int or size < 0):
            raise bad_request(f"{path} has no size.")
        return Add(path, oid.lower(), size, "")
    if key == "file":
        content, encoding = value.get("content", ""), value.get("encoding", "utf-8")
        if not isinstance(content, str):
            raise bad_request("A file's content is not text.")
        return keep(path, decode_content(content, str(encoding)))
    raise bad_request(f"There is no operation {key[:50]!r}.")


def decode_content(content: str, encoding: str) -> bytes:
    """A regular file's content, as text or as base64.

    Raises:
        ApiError: 400 when it is not base64.
    """
    if encoding != "base64":
        return content.encode(errors="surrogatepass")
    try:
        return base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError) as error:
        raise bad_request("A file's content is not base64.") from error
