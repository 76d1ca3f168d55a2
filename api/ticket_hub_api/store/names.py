"""Names that callers choose: repositories, revisions, paths. Checked before anything else."""

from __future__ import annotations

import re
import unicodedata
from typing import Final, NamedTuple
from urllib.parse import quote

from ticket_hub.patterns import COMMIT
from ticket_hub_api.errors import ApiError, bad_request, not_supported

__all__ = [
    "ENCODED_SLASH",
    "KINDS",
    "MODEL",
    "RepositoryKey",
    "check_path",
    "check_ref",
    "check_repository_name",
    "decode",
    "folded",
    "kind_of",
    "repository_key",
    "web_path",
]

ENCODED_SLASH = "%2F"
"""As clients write the slash of a name, in capitals."""
LEFT_OUT = frozenset({"buckets", "collections", "jobs", "settings", "spaces"})
MODEL: Final = "model"
"""The kind of repository that holds tickets."""
KINDS = {"models": MODEL, "datasets": "dataset"}
"""Part of a path -> kind of repository."""
_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?")
_REF = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._/+-]{0,198}[A-Za-z0-9_+])?")
_HEADS = frozenset({"head", "main"})
_WINDOWS = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3])(?:\..*)?"
)
_UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029]"  # control characters, ends of lines
    r"|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"  # they turn the text around them
    r"|[\ud800-\udfff\ufeff\ufffe\uffff]"  # no characters
)
_IGNORABLE = re.compile(r"[\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")
MAX_PATH = 1024
MAX_COMPONENT = 255


class RepositoryKey(NamedTuple):
    """Which repository a request is about: `model` or `dataset`, and `owner/name`."""

    kind: str
    name: str


def decode(parameter: str) -> str:
    """A path parameter as it was meant: an encoded slash belongs to the name."""
    return parameter.replace(ENCODED_SLASH, "/").replace("%2f", "/")


def kind_of(plural: str) -> str:
    """`model` or `dataset`.

    Raises:
        ApiError: 501 for spaces, 404 for anything else.
    """
    if plural in KINDS:
        return KINDS[plural]
    if plural in LEFT_OUT:
        raise not_supported(plural)
    raise ApiError(404, "Not found")


def check_kind(kind: str) -> str:
    """The kind that a request body names.

    Raises:
        ApiError: 501 for spaces, 400 for anything else.
    """
    if kind in KINDS.values():
        return kind
    if kind == "space":
        raise not_supported("spaces")
    raise bad_request(f"{kind!r} is no kind of repository. Use model or dataset.")


def repository_key(kind: str, namespace: str, name: str) -> str:
    """What two repositories may not share: names that differ by case only are too alike."""
    return f"{kind}/{namespace}/{name}".lower()


def check_repository_name(name: str) -> str:
    """The name, when a repository may have it.

    Raises:
        ApiError: 400.
    """
    bad = not _NAME.fullmatch(name) or ".." in name or "--" in name
    if bad or name.endswith((".git", ".ipynb", ".lock")):
        raise bad_request(
            f"{name!r} cannot be the name of a repository. Use letters, digits, '-', '_' and '.', "
            "at most 96, beginning and ending with a letter or a digit, without '..' or '--'."
        )
    return name


def check_ref(name: str) -> str:
    """The name, when a branch or tag may have it.

    Raises:
        ApiError: 400.
    """
    parts = name.split("/")
    bad = not _REF.fullmatch(name) or ".." in name or "//" in name or name.startswith("refs/")
    if bad or any(part.startswith(".") or part.endswith((".lock", ".")) for part in parts):
        raise bad_request(f"{name!r} cannot be the name of a branch or tag.")
    if COMMIT.fullmatch(name):
        raise bad_request("A branch or tag cannot look like a commit.")
    if name.lower() in _HEADS:
        raise bad_request(f"{name!r} means the default branch, and can be no other branch or tag.")
    return name


def check_path(path: str) -> str:
    """The path, when a file in a repository may have it on every kind of machine.

    Raises:
        ApiError: 400, with the reason.
    """
    reason = _why_no_path(path)
    if reason:
        raise bad_request(f"{path[:200]!a} cannot be the path of a file: {reason}.")
    return path


def _why_no_path(path: str) -> str:
    """What is wrong with a path, or nothing."""
    if _UNPRINTABLE.search(path):
        return "it has a control character, or one that changes the direction of text"
    if "\\" in path or ENCODED_SLASH in path.upper():
        return "folders are divided by '/' alone"
    if len(path.encode()) > MAX_PATH:
        return f"it is longer than {MAX_PATH} bytes"
    reasons = (_why_no_name(part) for part in path.split("/"))
    return next((reason for reason in reasons if reason), "")


def _why_no_name(name: str) -> str:
    """What is wrong with the name of a file or folder, or nothing."""
    if name in {"", ".", ".."}:
        return f"{name!r} names no file or folder"
    if len(name.encode()) > MAX_COMPONENT:
        return f"a name in it is longer than {MAX_COMPONENT} bytes"
    if name[-1] in ". ":
        return "Windows drops a dot or a space at the end of a name"
    if folded(_IGNORABLE.sub("", name)) in {".git", "git~1"}:
        return "'.git' belongs to git, in any spelling"
    if _WINDOWS.fullmatch(name.casefold()):
        return f"{name!a} is a device on Windows"
    return ""


def folded(path: str) -> str:
    """What two paths may not share: file systems that ignore case or Unicode form mix them up."""
    if path.isascii():
        return path.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).casefold())


def web_path(kind: str, full_name: str) -> str:
    """Where a repository is on the hub, without the endpoint."""
    prefix = "" if kind == "model" else f"{kind}s/"
    return prefix + quote(full_name)
