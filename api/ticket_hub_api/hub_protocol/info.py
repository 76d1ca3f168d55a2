"""Repositories, commits and trees as the JSON that clients read."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import Connection

from ticket_hub_api.store.repositories import RepositoryRow
from ticket_hub_api.store.revisions import CommitRow
from ticket_hub_api.store.tables import Commit
from ticket_hub_api.store.trees import Files, Folder, TreeEntry, pointer_text

__all__ = ["EXPANDABLE", "describe", "instant", "tree_item"]

EXPANDABLE = frozenset({
    "author", "cardData", "config", "createdAt", "disabled", "downloads", "downloadsAllTime",
    "gated", "lastModified", "library_name", "likes", "pipeline_tag", "private", "safetensors",
    "sha", "siblings", "spaces", "tags", "trendingScore", "usedStorage", "visibility",
    "description", "gitalyUid", "resourceGroup", "mask_token", "model-index", "modelIndex",
    "transformersInfo", "widgetData", "gguf", "inference", "inferenceProviderMapping",
    "baseModels", "childrenModelCount", "evalResults", "citation", "paperswithcode_id",
    "xetEnabled", "mainSize",
})  # fmt: skip
"""What `expand=` may name."""


def instant(microseconds: int) -> str:
    """A moment as the protocol writes it, to the millisecond."""
    moment = dt.datetime.fromtimestamp(microseconds / 1e6, dt.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def describe(
    row: RepositoryRow, sha: str, updated_at: int, summary: dict[str, Any]
) -> dict[str, Any]:
    """All fields but the list of files."""
    fields: dict[str, Any] = {
        "_id": row.id,
        "id": row.full_name,
        "author": row.namespace,
        "sha": sha,
        "lastModified": instant(updated_at),
        "createdAt": instant(row.created_at),
        "private": row.private,
        "visibility": row.visibility,
        "gated": row.gated or False,
        "disabled": False,
        "downloads": row.downloads,
        "downloadsAllTime": row.downloads,
        "likes": 0,
        "tags": summary.get("tags", []),
        "cardData": summary.get("card"),
        "xetEnabled": True,
    }
    if row.kind == "model":
        fields |= {
            "modelId": row.full_name,
            "library_name": summary.get("library") or None,
            "pipeline_tag": summary.get("pipeline") or None,
            "config": summary.get("config"),
            "safetensors": summary.get("safetensors"),
            "spaces": [],
        }
        index = (summary.get("card") or {}).get("model-index")
        fields["model-index"] = index
    return {name: value for name, value in fields.items() if value is not None}


def siblings(files: Files, *, blobs: bool) -> list[dict[str, Any]]:
    """The list of files in a repository's description."""
    if not blobs:
        return [{"rfilename": path} for path in files]
    found = []
    for path, entry in files.items():
        item: dict[str, Any] = {"rfilename": path, "blobId": entry.oid, "size": entry.size}
        if entry.large:
            item["lfs"] = _large(entry, "sha256")
        found.append(item)
    return found


def _large(entry: TreeEntry, digest: str) -> dict[str, Any]:
    pointer_size = len(pointer_text(entry.sha256, entry.size))
    return {digest: entry.sha256, "size": entry.size, "pointerSize": pointer_size}


def full_description(
    row: RepositoryRow,
    commit: CommitRow,
    files: Files,
    *,
    blobs: bool,
    expand: Iterable[str],
) -> dict[str, Any]:
    """What `model_info` shows; only the chosen fields where some are chosen."""
    fields = describe(row, commit.oid, commit.created_at, json.loads(commit.summary))
    chosen = set(expand)
    if not chosen or chosen & {"siblings", "usedStorage"}:
        fields["siblings"] = siblings(files, blobs=blobs)
        fields["usedStorage"] = sum({e.sha256: e.size for e in files.values()}.values())
    return choose(fields, chosen)


def choose(fields: dict[str, Any], chosen: set[str]) -> dict[str, Any]:
    """Identity and the chosen fields, or everything."""
    if not chosen:
        return fields
    always = {"_id", "id", "modelId"}
    return {name: value for name, value in fields.items() if name in always | chosen}


def tree_item(path: str, entry: TreeEntry | Folder, xet: dict[str, str]) -> dict[str, Any]:
    """One line of a listing; `xet` maps contents to their hashes in the chunk store."""
    if isinstance(entry, Folder):
        return {"type": "directory", "oid": entry.oid, "size": 0, "path": path}
    item: dict[str, Any] = {
        "type": "file", "oid": entry.oid, "size": entry.size, "path": path,
    }  # fmt: skip
    if entry.large:
        item["lfs"] = _large(entry, "oid")
        if entry.sha256 in xet:
            item["xetHash"] = xet[entry.sha256]
    return item


def last_commits(
    database: Connection, row: RepositoryRow, numbers: Iterable[int]
) -> dict[int, dict[str, str]]:
    """The commits of these numbers, as listings show them."""
    found: dict[int, dict[str, str]] = {}
    wanted = sorted(set(numbers))
    for start in range(0, len(wanted), 500):
        rows = database.execute(
            select(Commit.number, Commit.oid, Commit.title, Commit.created_at).where(
                Commit.repository_id == row.id, Commit.number.in_(wanted[start : start + 500])
            )
        )
        for commit in rows:
            date = instant(commit.created_at)
            found[commit.number] = {"id": commit.oid, "title": commit.title, "date": date}
    return found
