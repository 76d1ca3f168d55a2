"""Tensors on disk under a seal: a JSON file, written last, with every file's sha256 and size."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from ticket_hub.durable import write_bytes
from ticket_hub.errors import RunError
from ticket_hub.tensors import pack_tensors, unpack_tensors

__all__ = ["FORMAT", "read_json", "read_seal", "remedy", "sealed_tensors", "write_tensors"]

FORMAT = 1


def remedy(folder: Path) -> str:
    """What to do about a damaged step."""
    return f"Remove the folder {folder}; the same command then makes it again, and nothing else."


def read_json(path: Path, advice: str) -> dict[str, Any]:
    """A JSON table of this format.

    Raises:
        RunError: the file is damaged, or of another format; `advice` becomes the remedy.
    """
    try:
        table = json.loads(path.read_bytes())
        if not isinstance(table, dict):
            raise TypeError("it is not a table")  # noqa: TRY301 - all damage is told one way
        version = table["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} is damaged: {error}.", advice) from error
    if version != FORMAT:
        raise RunError(
            f"{path} has format {version}, and this version of Ticket Hub reads {FORMAT}.",
            "Use the version of Ticket Hub that the run was made with.",
        )
    return table


def read_seal(folder: Path) -> dict[str, Any] | None:
    """The seal of a finished step, or None where it is not finished.

    Raises:
        RunError: the seal is damaged.
    """
    path = folder / "seal.json"
    return read_json(path, remedy(folder)) if path.exists() else None


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """Write a safetensors file durably; returns its entry in the seal: file, sha256, size."""
    data = pack_tensors(tensors)
    write_bytes(path, data)
    return {"file": path.name, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}


def sealed_tensors(folder: Path, entry: Mapping[str, Any]) -> dict[str, Tensor]:
    """The tensors of one sealed file, its digest checked.

    Raises:
        RunError: the file is missing or damaged.
    """
    path = folder / Path(str(entry.get("file"))).name
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}.", remedy(folder)) from error
    if hashlib.sha256(data).hexdigest() != entry.get("sha256"):
        raise RunError(
            f"{path} is damaged: its bytes are not the ones that were written.", remedy(folder)
        )
    return unpack_tensors(data)
