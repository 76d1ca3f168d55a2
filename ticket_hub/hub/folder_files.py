"""The files of a hub in a folder: commits and tags, written once, and read with every check."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ticket_hub.durable import canonical_json, sync_folder, write_json
from ticket_hub.errors import HubError, HubNotFoundError, StorageError
from ticket_hub.file_system import name_new
from ticket_hub.home import user_name
from ticket_hub.patterns import COMMIT, SHA256

__all__ = ["CommitHistory", "commit_id", "publish", "read_commit", "read_tag", "timestamp"]

_NUMBER = re.compile(r"[0-9]{8,12}\.json")
_PATH = re.compile(r"(?!.*(?:^|/)\.{1,2}(?:/|$))[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*")


def publish(path: Path, record: dict[str, Any]) -> bool:
    """Write a file that did not exist, durably; False where somebody was quicker.

    Raises:
        StorageError: the disk is full, or the file system refuses. It may be out all the same; to
            publish the same again is harmless.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}.draft")
    write_json(draft, record)
    try:
        # Taken, and by us: the answer of a file server was lost, and it was asked again.
        is_first = name_new(draft, path) or draft.samefile(path)
        if is_first:
            sync_folder(path.parent)
    except StorageError:
        raise
    except OSError as error:
        raise StorageError(
            f"{path} could not be published: {error.strerror or error}.",
            "Run the same again: what is out already is not published twice.",
        ) from error
    finally:
        with contextlib.suppress(OSError):  # a draft is a leftover like any other
            draft.unlink(missing_ok=True)
    return is_first


class CommitHistory:
    """The commits of the repository in a folder; files of other programs are passed over.

    Every method raises `HubError` where a commit that it needs is damaged, and `HubNotFoundError`
    where one vanishes at this moment.
    """

    def __init__(self, place: Path) -> None:
        self.folder = place / "history"

    def files(self) -> list[Path]:
        """The files of the commits, oldest first."""
        try:
            # By name: numbers are filled up with zeros, so that the order of names is that of
            # commits.
            found = sorted(self.folder.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise _damaged(self.folder) from error
        return [path for path in found if _NUMBER.fullmatch(path.name)]

    def newest(self) -> dict[str, Any] | None:
        """The newest commit, or None."""
        files = self.files()
        return read_commit(files[-1]) if files else None

    def before(self, newest: dict[str, Any] | None) -> dict[str, Any] | None:
        """The commit before the newest, which a push that is repeated has seen; or None."""
        files = self.files()
        if newest is None or newest["parent"] is None or len(files) == 1:
            return None
        with contextlib.suppress(HubError):
            return read_commit(files[-2])
        return None

    def find(self, commit: str) -> dict[str, Any] | None:
        """The commit of this id, or None; one that is damaged hides no other."""
        damaged = None
        for path in reversed(self.files()):
            try:
                found = read_commit(path)
            except HubError as error:
                damaged = error
                continue
            if found["id"] == commit:
                return found
        if damaged:
            raise damaged
        return None

    def add(
        self, newest: dict[str, Any] | None, entries: dict[str, Any], message: str
    ) -> str | None:
        """Publish a commit after the newest; None where somebody was quicker."""
        number = newest["number"] + 1 if newest else 1
        record = {
            "number": number,
            "parent": newest["id"] if newest else None,
            "message": message,
            "author": user_name(),
            "date": timestamp(),
            "files": entries,
        }
        commit = record["id"] = commit_id(record)
        return commit if publish(self.folder / f"{number:08d}.json", record) else None


def read_commit(path: Path) -> dict[str, Any]:
    """A commit whose id is that of its content, and whose names are harmless.

    Raises:
        HubNotFoundError: it is gone.
        HubError: it is damaged.
    """
    record = _read_table(path)
    content = {key: value for key, value in record.items() if key != "id"}
    try:
        whole = (
            # Its id is its content's: a file that the disk or a person has changed is no commit.
            record["id"] == commit_id(content)
            and record["number"] == int(path.stem)
            and isinstance(record["date"], str)
            and all(map(_is_entry, record["files"].items()))
        )
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        whole = False
    if not whole:
        raise _damaged(path)
    return record


def read_tag(path: Path) -> str:
    """The commit that a tag names.

    Raises:
        HubNotFoundError: it is gone.
        HubError: it is damaged.
    """
    commit = _read_table(path).get("commit")
    if not isinstance(commit, str) or not COMMIT.fullmatch(commit):
        raise _damaged(path)
    return commit


def _is_entry(item: tuple[str, Any]) -> bool:
    name, (digest, size) = item
    sound = isinstance(size, int) and size >= 0 and isinstance(digest, str)
    return bool(sound and _PATH.fullmatch(name) and SHA256.fullmatch(digest))


def _read_table(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise HubNotFoundError(
            f"{path} is not there any more.", "Look again: somebody may have deleted it just now."
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(path) from error
    if not isinstance(record, dict):
        raise _damaged(path)
    return record


def commit_id(content: dict[str, Any]) -> str:
    """The id of a commit with this content: 40 hexadecimal digits of its sha256."""
    return hashlib.sha256(canonical_json(content)).hexdigest()[:40]


def _damaged(path: Path) -> HubError:
    return HubError(
        f"{path} is damaged, or may not be read.",
        "Restore it from a backup of the hub's folder; or remove the whole repository with "
        "`ticket delete`, and push it again.",
    )


def timestamp() -> str:
    """This moment in UTC, to the microsecond, as ISO 8601 writes it."""
    return datetime.now(UTC).isoformat(timespec="microseconds")
