"""Revisions as values: a tree maps paths to contents, and is named by what it holds."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import select
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from ticket_hub.durable import canonical_json
from ticket_hub_api.store.blobs import git_blob_id
from ticket_hub_api.store.tables import Tree

__all__ = [
    "Files",
    "Folder",
    "TreeEntry",
    "children",
    "encode_tree",
    "entry_at",
    "files_of",
    "load_tree",
    "pointer_id",
    "pointer_text",
]


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """A file of a revision.

    Attributes:
        sha256, size: its content.
        oid: what git calls it: the content itself, or for a large file its pointer.
        large: whether git would hold only a pointer.
        changed: the number of the commit that last changed it.
    """

    sha256: str
    size: int
    oid: str
    large: bool
    changed: int

    @property
    def etag(self) -> str:
        """What clients name their cached copy by."""
        return self.sha256 if self.large else self.oid


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of a revision; its id is made of what it holds."""

    oid: str
    changed: int


Files = Mapping[str, TreeEntry]
"""Path -> what is there."""


def pointer_text(sha256: str, size: int) -> bytes:
    """The small text that stands for a large file in git."""
    return (
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode()
    )


def pointer_id(sha256: str, size: int) -> str:
    """What git calls the pointer of a large file."""
    return git_blob_id(pointer_text(sha256, size))


def encode_tree(files: Files) -> tuple[str, bytes]:
    """A tree's id (40 hexadecimal digits) and how the database holds it."""
    text = _tree_text(files)
    return _tree_id(text), zlib.compress(text, 6)


def _tree_text(files: Files) -> bytes:
    # Everything that an entry says is part of the id: equal ids mean equal rows, which may be
    # shared.
    rows = [[path, e.sha256, e.size, e.oid, int(e.large), e.changed] for path, e in files.items()]
    return canonical_json(sorted(rows))


def _tree_id(text: bytes) -> str:
    return hashlib.sha1(b"tree\0" + text, usedforsecurity=False).hexdigest()


def decode_tree(data: bytes) -> dict[str, TreeEntry]:
    """What `encode_tree` wrote, in the order of paths."""
    rows = json.loads(zlib.decompress(data))
    return {row[0]: TreeEntry(row[1], row[2], row[3], bool(row[4]), row[5]) for row in rows}


@lru_cache(maxsize=64)
def files_of(_oid: str, data: bytes) -> Files:
    """The files of a tree, by its id and how the database holds it. Not to be changed: shared."""
    return decode_tree(data)


def load_tree(database: Connection | Session, oid: str) -> Files:
    """The files of a tree that a commit names. Not to be changed: it is shared."""
    data = database.scalar(select(Tree.data).where(Tree.oid == oid))
    assert data is not None, "commits refer to trees by a foreign key"
    return files_of(oid, data)


def children(
    files: Files, folder: str, *, recursive: bool, after: str = "", most: int | None = None
) -> list[tuple[str, TreeEntry | Folder]]:
    """Files and folders under a folder, by path; only its own ones unless `recursive`.

    Args:
        after: leave out this path and those before it.
        most: no more than so many. What is not given costs next to nothing.
    """
    prefix = f"{folder}/" if folder else ""
    folders: dict[str, dict[str, TreeEntry]] = {}
    found: dict[str, TreeEntry] = {}
    for path, entry in files.items():
        if not path.startswith(prefix):
            continue
        parts = path[len(prefix) :].split("/")
        depths = range(1, len(parts)) if recursive else range(1, min(2, len(parts)))
        for depth in depths:
            folders.setdefault(prefix + "/".join(parts[:depth]), {})[path] = entry
        if recursive or len(parts) == 1:
            found[path] = entry
    names = sorted(name for name in found.keys() | folders.keys() if name > after)[:most]
    return [(name, found.get(name) or _folder(folders[name])) for name in names]


def entry_at(files: Files, path: str) -> TreeEntry | Folder | None:
    """The file or folder of a path, or None."""
    inside = {name: entry for name, entry in files.items() if name.startswith(f"{path}/")}
    return files.get(path) or (_folder(inside) if inside else None)


def _folder(members: Files) -> Folder:
    return Folder(_tree_id(_tree_text(members)), max(entry.changed for entry in members.values()))
