"""Tensors from files of strangers, read so that nothing in them can be executed."""

from __future__ import annotations

import collections
import math
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor

from ticket_hub.bundle import strict
from ticket_hub.bundle.tensors import header_size
from ticket_hub.errors import ImportRefusedError

__all__ = ["is_plain", "read_array", "read_checkpoint", "read_tensors", "refusal"]

_WRAPPERS = ("state_dict", "model_state_dict")
_LONGEST = 160


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
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(_harmless()):
            warnings.simplefilter("ignore")  # about old storages, which are read all the same
            return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise refusal(f"{path} cannot be read: {error.strerror or error}.") from error
    except Exception as error:  # a hostile file may make the reader raise anything
        raise refusal(f"{path.name} is not a file of plain tensors: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """The sentence that names what a pickle asked for, of a message of many lines."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if "GLOBAL" in line or "nsupported" in line] or lines
    text = (telling or [type(error).__name__])[0][:_LONGEST].rstrip(".")
    return f"{text}. Nothing in it was executed."


def read_tensors(path: Path) -> dict[str, Tensor]:
    """A state dict from a `.safetensors` file, or from one that `torch.save` wrote.

    Raises:
        ImportRefusedError: as `read_checkpoint`; or it holds no tensors by name.
    """
    if path.suffix == ".safetensors":
        return _safetensors(path)
    found = read_checkpoint(path)
    for key in _WRAPPERS:
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
    if not isinstance(found, Mapping) or not found:
        raise refusal(f"{path.name} does not hold tensors by name.")
    if not all(isinstance(name, str) and is_plain(value) for name, value in found.items()):
        raise refusal(f"{path.name} holds something beside plain tensors by name.")
    return {str(name): value.detach() for name, value in found.items()}


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
        size = header_size(data[:8], path.name)
        strict.parse(data[8 : 8 + size], source=path.name)
        return dict(safetensors.torch.load(data))
    except OSError as error:
        raise refusal(f"{path} cannot be read: {error.strerror or error}.") from error
    except Exception as error:  # a hostile file may make the reader raise anything
        reason = str(error).splitlines()[0][:_LONGEST] if str(error) else type(error).__name__
        raise refusal(f"{path.name} is not a safetensors file: {reason.rstrip('.')}.") from error


def read_array(path: Path) -> Tensor:
    """The array in a `.npy` file.

    Raises:
        ImportRefusedError: it cannot be read, or holds anything but numbers.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # about headers of Python 2, which are read all the same
            _check_header(path)
            array = np.load(path, allow_pickle=False)
        return torch.from_numpy(np.ascontiguousarray(array))
    except Exception as error:  # a damaged header makes numpy raise anything
        reason = str(error).splitlines()[0][:_LONGEST] if str(error) else type(error).__name__
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


def refusal(problem: str, remedy: str = "") -> ImportRefusedError:
    """The refusal of a source."""
    return ImportRefusedError(
        problem, remedy or "`docs/import-export.md` says what can be imported, and what it needs."
    )
