"""Tensors from files of strangers, read so that nothing in them can be executed."""

from __future__ import annotations

import collections
import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor

from ticket_hub.bundle import strict
from ticket_hub.bundle.stand_in import HEAD_BYTES
from ticket_hub.bundle.tensors import header_size
from ticket_hub.errors import ImportRefusedError
from ticket_hub.interop.importers.refusals import (
    CUT_OFF,
    SAVE_ALONE,
    not_plain,
    not_safetensors,
    refusal,
    refuse_other_kinds,
)

__all__ = [
    "MASKS",
    "WEIGHTS",
    "is_plain",
    "is_safetensors",
    "read_array",
    "read_checkpoint",
    "read_tensors",
]

WEIGHTS = (
    "state_dict",
    "model_state_dict",
    "net_state_dict",
    "model_state",
    "model",
    "net",
    "network",
    "module",
    "weights",
    "params",
)
"""Keys under which training scripts keep the weights, beside counters and optimizers."""

MASKS = ("mask", "masks", "mask_dict")
"""Keys under which checkpoints of others have masks."""
_MAX_LENGTH = 160
_DEEPEST = 3
_SHOWN = 5


def _harmless() -> list[Any]:
    """What checkpoints of others hold beside tensors: counters and numpy's numbers.

    Each makes a value and does nothing else. Both names of the function that makes numpy's
    numbers are given, since files of numpy 1 carry the older.
    """
    scalar = np._core.multiarray.scalar  # type: ignore[attr-defined]  # noqa: SLF001 - what pickled numbers name
    return [
        collections.Counter,
        np.dtype,
        np.dtypes.Float32DType,
        np.dtypes.Float64DType,
        np.dtypes.Int64DType,
        (scalar, "numpy.core.multiarray.scalar"),
        (scalar, "numpy._core.multiarray.scalar"),
    ]


def read_checkpoint(path: Path) -> Any:  # noqa: ANN401 - whatever was saved
    """What `torch.save` wrote, tensors on the CPU; old files without a zip container too.

    Read with `weights_only=True`, which builds tensors and plain values and calls nothing that a
    file names.

    Raises:
        ImportRefusedError: it cannot be read, is no such file, or asks for anything else.
    """
    refuse_other_kinds(path, _head(path))
    try:
        with (
            path.open("rb") as stream,  # by a path, torch would go by how its name ends
            warnings.catch_warnings(),
            torch.serialization.safe_globals(_harmless()),
        ):
            warnings.simplefilter("ignore")  # about old storages, which are read all the same
            return torch.load(stream, map_location="cpu", weights_only=True)
    except OSError as error:
        raise refusal(f"{path} cannot be read: {error.strerror or error}.") from error
    except Exception as error:  # a hostile file may make the reader raise anything
        raise not_plain(path, error) from error


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(HEAD_BYTES)
    except OSError as error:
        raise refusal(f"{path} cannot be read: {error.strerror or error}.") from error


def is_safetensors(path: Path) -> bool:
    """Whether a file is of safetensors, by its first bytes, whatever its name ends with.

    Raises:
        ImportRefusedError: it cannot be read.
    """
    head = _head(path)
    named = path.suffix == ".safetensors" and not head.startswith((b"PK\x03\x04", b"\x80\x02"))
    return head[8:9] == b"{" or named


def read_tensors(path: Path, keys: Sequence[str] = WEIGHTS) -> dict[str, Tensor]:
    """A state dict from a file of safetensors, or from one that `torch.save` wrote.

    Args:
        keys: under which tensors may lie in a checkpoint, the first that is there.

    Raises:
        ImportRefusedError: as `read_checkpoint`; or it holds no tensors by name.
    """
    if is_safetensors(path):
        return _safetensors(path)
    found, place = read_checkpoint(path), path.name
    for _ in range(_DEEPEST):
        key = next((k for k in keys if _is_table(found) and _is_table(found.get(k))), None)
        if key is None:
            break
        found, place = found[key], f"{place}, under {key!r},"
    if not isinstance(found, Mapping) or not found:
        what = type(found).__name__ if found else f"an empty {type(found).__name__}"
        raise refusal(f"{place} does not hold tensors by name, but {what}.")
    for name, value in found.items():
        if not isinstance(name, str) or not is_plain(value):
            raise _other_content_refusal(place, found, name, value)
    return {str(name): value.detach() for name, value in found.items()}


def _is_table(value: object) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, Mapping) and bool(value)


def _other_content_refusal(
    place: str, found: Mapping[str, Any], name: object, value: object
) -> ImportRefusedError:
    """The refusal of something beside plain tensors, with the key where tensors would be."""
    inner = [
        key
        for key, each in found.items()
        if isinstance(each, Mapping) and each and all(map(is_plain, each.values()))
    ]
    if inner:
        return refusal(
            f"{place} holds something beside plain tensors by name; tensors lie under "
            f"{' and '.join(repr(key) for key in inner[:_SHOWN])}.",
            "Save those alone: `torch.save(torch.load(FILE)[KEY], NEW)`.",
        )
    what = type(value).__name__
    if isinstance(value, Tensor):
        what = "a tensor whose numbers are not all in the file, or that is sparse or quantized"
    return refusal(
        f"{place} holds something beside plain tensors by name: {str(name)[:_MAX_LENGTH]!r} is "
        f"{what}.",
        f"Save the tensors alone: {SAVE_ALONE}.",
    )


def is_plain(value: object) -> TypeGuard[Tensor]:
    """Whether a value is a tensor whose numbers are all in the file.

    A file of a few bytes can hold a view that repeats one number a trillion times, which costs
    nothing until it is first computed with.
    """
    return (
        isinstance(value, Tensor)
        and value.layout == torch.strided
        and value.device.type == "cpu"
        and not value.is_quantized
        and value.numel() * value.itemsize <= value.untyped_storage().nbytes()
    )


def _safetensors(path: Path) -> dict[str, Tensor]:
    """Read whole rather than mapped, its header bounded before the library parses it."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise refusal(f"{path} cannot be read: {error.strerror or error}.") from error
    if data[8:9] != b"{":
        refuse_other_kinds(path, data[:HEAD_BYTES])
    try:
        size = header_size(data[:8], path.name)
        whole = 8 + size
        if len(data) >= whole:
            header = strict.parse(data[8:whole], source=path.name)
            # Where the last tensor ends, as far as the header says so in its own form.
            ends = [0]
            for entry in header.values() if isinstance(header, dict) else ():
                offsets = entry.get("data_offsets") if isinstance(entry, dict) else None
                if isinstance(offsets, list) and offsets and isinstance(offsets[-1], int):
                    ends.append(offsets[-1])
            whole += max(ends)
    except Exception as error:  # a hostile file may make the reader raise anything
        raise not_safetensors(path, error) from error
    if len(data) < whole:
        raise refusal(
            f"{path.name} is cut off: its header promises {whole:,} bytes, and {len(data):,} "
            "are here.",
            CUT_OFF,
        )
    try:
        return dict(safetensors.torch.load(data))
    except Exception as error:  # a hostile file may make the reader raise anything
        raise not_safetensors(path, error) from error


def read_array(path: Path) -> Tensor:
    """The array in a `.npy` file, in its own shape and dtype.

    Raises:
        ImportRefusedError: it cannot be read, or holds anything but numbers.
    """
    head = _head(path)
    if not head.startswith(np.lib.format.MAGIC_PREFIX):
        refuse_other_kinds(path, head)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # about headers of Python 2, which are read all the same
            _check_header(path)
            array = np.load(path, allow_pickle=False)
        return torch.from_numpy(np.ascontiguousarray(array))
    except Exception as error:  # a damaged header makes numpy raise anything
        reason = str(error).splitlines()[0][:_MAX_LENGTH] if str(error) else type(error).__name__
        raise refusal(f"{path.name} is not an array of numbers: {reason.rstrip('.')}.") from error


def _check_header(path: Path) -> None:
    """Refuse an array that is longer than its file, before memory is asked for.

    Raises:
        ValueError: it is, or it holds objects, or the file is of no known version.
    """
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    with path.open("rb") as stream:
        version = np.lib.format.read_magic(stream)
        if version not in readers:
            raise ValueError(f"version {version} of the format is not known")
        shape, _, dtype = readers[version](stream)
        size = stream.tell() + math.prod(shape) * dtype.itemsize
    if dtype.hasobject:
        raise ValueError("it holds objects, which would have to be unpickled")
    if size != path.stat().st_size:
        raise ValueError(f"it would have {size} bytes")
