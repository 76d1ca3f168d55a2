"""Tensors on disk under a seal: a JSON file, written last, with every file's sha256 and size."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from ticket_hub.bundle.tensors import chunks
from ticket_hub.durable import write_bytes
from ticket_hub.errors import RunError
from ticket_hub.runs.seal import remedy
from ticket_hub.tensors import pack_tensors, unpack_tensors

__all__ = ["sealed_tensors", "write_for_bundle", "write_tensors"]


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """Write a safetensors file durably; returns its entry in the seal: file, sha256, size."""
    return {"file": path.name} | _write(path, pack_tensors(tensors))


def write_for_bundle(path: Path, tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """Write a file of the bundle before its manifest; returns its entry: sha256, size.

    Raises:
        BundleFormatError: a name or dtype that no bundle may have.
    """
    return _write(path, b"".join(chunks(tensors)))


def _write(path: Path, data: bytes) -> dict[str, Any]:
    write_bytes(path, data)
    return {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}


def sealed_tensors(
    folder: Path, entry: Mapping[str, Any], path: Path | None = None
) -> dict[str, Tensor]:
    """The tensors of one sealed file, its digest checked.

    Args:
        folder: of the step, which is made again where the file is damaged.
        entry: of the seal.
        path: of the file; by default it lies in the folder, by the name in its entry.

    Raises:
        RunError: the file is missing or damaged.
    """
    path = path or folder / Path(str(entry.get("file"))).name
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}.", remedy(folder)) from error
    if hashlib.sha256(data).hexdigest() != entry.get("sha256"):
        raise RunError(
            f"{path} is damaged: its bytes are not the ones that were written.", remedy(folder)
        )
    return unpack_tensors(data)
