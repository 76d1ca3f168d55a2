"""Tensors on disk under a seal: a JSON file, written last, with every file's sha256 and size."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from ticket_hub.durable import write_bytes
from ticket_hub.errors import RunError
from ticket_hub.runs.seal import remedy
from ticket_hub.tensors import pack_tensors, unpack_tensors

__all__ = ["sealed_tensors", "write_tensors"]


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
