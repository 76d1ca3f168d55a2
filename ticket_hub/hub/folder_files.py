"""The files of a hub in a folder: commits and tags, written once, and read with every check."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ticket_hub.durable import canonical_json, sync_folder, write_json
from ticket_hub.errors import HubError

__all__ = ["commit_id", "publish", "read_commit", "read_table", "timestamp"]

_DIGEST = re.compile(r"[0-9a-f]{64}")
_PATH = re.compile(r"(?!.*(?:^|/)\.{1,2}(?:/|$))[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*")


def publish(path: Path, record: dict[str, Any]) -> bool:
    """Write a file that did not exist, durably; False where somebody was quicker."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}.draft")
    write_json(draft, record)
    try:
        os.link(draft, path)
    except FileExistsError:
        return False
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)
    return True


def read_table(path: Path) -> dict[str, Any]:
    """The table in a file.

    Raises:
        HubError: it is missing or damaged.
    """
    try:
        record = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise _damaged(path) from error
    if not isinstance(record, dict):
        raise _damaged(path)
    return record


def read_commit(path: Path) -> dict[str, Any]:
    """A commit whose id is that of its content, and whose names are harmless.

    Raises:
        HubError: it is missing or damaged.
    """
    record = read_table(path)
    content = {key: value for key, value in record.items() if key != "id"}
    files = content.get("files")
    if record.get("id") != commit_id(content) or not isinstance(files, dict):
        raise _damaged(path)
    for name, entry in files.items():
        digest, size = entry if isinstance(entry, list) and len(entry) == 2 else ("", -1)  # noqa: PLR2004 - digest and size
        if not (_PATH.fullmatch(name) and _DIGEST.fullmatch(str(digest)) and size >= 0):
            raise _damaged(path)
    return record


def commit_id(content: dict[str, Any]) -> str:
    """The id of a commit with this content: 40 hexadecimal digits of its sha256."""
    return hashlib.sha256(canonical_json(content)).hexdigest()[:40]


def _damaged(path: Path) -> HubError:
    return HubError(f"{path} is damaged.", "Restore it from a backup of the hub's folder.")


def timestamp() -> str:
    """This moment in UTC, to the microsecond, as ISO 8601 writes it."""
    return datetime.now(UTC).isoformat(timespec="microseconds")
