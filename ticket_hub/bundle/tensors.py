"""safetensors files, written byte for byte the same everywhere and read with suspicion.

The reader is this module's own: it takes a header only if it is small, strict and exact, so that
nothing is left for another parser to misread. The writer makes the bytes that the safetensors
library makes for the same tensors and one metadata key (with more than one, the library's bytes
differ from process to process).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ticket_hub.bundle import strict
from ticket_hub.errors import BundleFormatError
from ticket_hub.patterns import TENSOR
from ticket_hub.tensors import METADATA

__all__ = ["TensorEntry", "chunks", "header_size", "parse_header", "tensor_at"]

MAX_HEADER_BYTES = 1 << 20
MAX_TENSORS = 4096
MAX_RANK = 8
MAX_ELEMENTS = 1 << 48

_DTYPES: dict[str, torch.dtype] = {
    "F64": torch.float64,
    "I64": torch.int64,
    "F32": torch.float32,
    "I32": torch.int32,
    "BF16": torch.bfloat16,
    "F16": torch.float16,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
}
_CODES = {dtype: code for code, dtype in _DTYPES.items()}


@dataclass(frozen=True, kw_only=True)
class TensorEntry:
    """One tensor of a file.

    Attributes:
        start: of its bytes, counted from the end of the header.
    """

    dtype: torch.dtype
    shape: tuple[int, ...]
    start: int

    @property
    def elements(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    @property
    def size(self) -> int:
        """Number of bytes."""
        return self.elements * self.dtype.itemsize


def chunks(tensors: Mapping[str, Tensor]) -> Iterator[bytes | memoryview]:
    """The bytes of a file, without copying the tensors that lie on the CPU.

    The order is the safetensors library's: by falling width of the dtype, then by name.

    Raises:
        BundleFormatError: a name or dtype that no bundle may have.
    """
    order = sorted(tensors, key=lambda name: (-_rank(name, tensors[name]), name))
    yield _header({name: tensors[name] for name in order})
    for name in order:
        value = tensors[name].detach().cpu().contiguous().reshape(-1)
        if value.numel():
            yield value.view(torch.uint8).numpy().data


def _rank(name: str, value: Tensor) -> int:
    """The place of a dtype in the library's order of alignment."""
    if value.dtype not in _CODES or not TENSOR.fullmatch(name):
        raise BundleFormatError(
            f"{name!r} of type {value.dtype} cannot be kept in a bundle.",
            "Names are made of letters, digits, '_', '-' and '.'; values are floats or integers.",
        )
    return _LIBRARY_ORDER.index(_CODES[value.dtype])


_LIBRARY_ORDER = ("U8", "I8", "I16", "F16", "BF16", "I32", "F32", "F64", "I64")


def _header(tensors: Mapping[str, Tensor]) -> bytes:
    table: dict[str, Any] = {"__metadata__": METADATA}
    start = 0
    for name, value in tensors.items():
        end = start + value.numel() * value.dtype.itemsize
        shape = list(value.shape)
        table[name] = {"dtype": _CODES[value.dtype], "shape": shape, "data_offsets": [start, end]}
        start = end
    text = json.dumps(table, separators=(",", ":")).encode()
    # So that tensors begin at a multiple of 8 bytes, and can be mapped as numbers; as the library
    # does.
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def header_size(prefix: bytes, source: str) -> int:
    """The size of the header from a file's first 8 bytes.

    Raises:
        BundleFormatError: fewer than 8 bytes, or a header over 1 MiB.
    """
    size = int.from_bytes(prefix, "little")
    if len(prefix) != 8 or not 2 <= size <= MAX_HEADER_BYTES:  # noqa: PLR2004 - u64, and `{}`
        raise _broken(source, f"its header would have {size} bytes; the limit is 1 MiB")
    return size


def parse_header(header: bytes, data_size: int, source: str) -> dict[str, TensorEntry]:
    """Every tensor of a file, in the order of their bytes.

    Args:
        header: the JSON, without the 8 bytes of its size.
        data_size: bytes that follow it in the file; the tensors must fill them exactly.

    Raises:
        BundleFormatError: anything but what `chunks` could have written.
    """
    table = strict.parse(header, source=source, containers=3 * MAX_TENSORS + 2)
    if not isinstance(table, dict) or table.pop("__metadata__", METADATA) != METADATA:
        raise _broken(source, "its header or metadata is not that of a bundle")
    if len(table) > MAX_TENSORS:
        raise _broken(source, f"it has more than {MAX_TENSORS} tensors")
    entries = {name: _entry(name, item, source) for name, item in table.items()}
    place = 0
    for entry in entries.values():
        if entry.start != place:
            raise _broken(source, "its tensors overlap, leave gaps, or are out of order")
        place += entry.size
    if place != data_size:
        raise _broken(source, f"its tensors take {place} bytes, but it has {data_size}")
    return entries


def _entry(name: str, item: Any, source: str) -> TensorEntry:  # noqa: ANN401 - parsed JSON
    if not TENSOR.fullmatch(name):
        raise _broken(source, f"{name[:80]!r} is not the name of a tensor")
    if not isinstance(item, dict) or set(item) != {"dtype", "shape", "data_offsets"}:
        raise _broken(source, f"{name!r} has no dtype, shape and data_offsets")
    shape, offsets = item["shape"], item["data_offsets"]
    if not (_are_sizes(shape) and _are_sizes(offsets) and len(offsets) == 2):  # noqa: PLR2004 - a pair
        raise _broken(source, f"the shape or the offsets of {name!r} are not sizes")
    if item["dtype"] not in list(_DTYPES) or len(shape) > MAX_RANK:
        raise _broken(source, f"the type or rank of {name!r} is not one that a bundle has")
    entry = TensorEntry(dtype=_DTYPES[item["dtype"]], shape=tuple(shape), start=offsets[0])
    # A product of sizes that a stranger wrote: compared before anything is allocated.
    if entry.elements > MAX_ELEMENTS or offsets[1] - offsets[0] != entry.size:
        raise _broken(source, f"the bytes of {name!r} do not have the length of its shape")
    return entry


def _are_sizes(value: Any) -> bool:  # noqa: ANN401 - parsed JSON
    return isinstance(value, list) and all(
        # JSON's true is an int to Python.
        isinstance(item, int) and not isinstance(item, bool) and item >= 0
        for item in value
    )


def tensor_at(data: bytearray, offset: int, entry: TensorEntry) -> Tensor:
    """One tensor, `(*entry.shape)`, of a file that was read whole; it shares the file's memory.

    Args:
        data: the file.
        offset: where the header ends.
    """
    if not entry.elements:
        return torch.empty(entry.shape, dtype=entry.dtype)
    flat = torch.frombuffer(
        data, dtype=entry.dtype, count=entry.elements, offset=offset + entry.start
    )
    return flat.view(entry.shape)


def _broken(source: str, reason: str) -> BundleFormatError:
    return BundleFormatError(
        f"{source} is not a safetensors file of a bundle: {reason}.",
        "Fetch the bundle again, or ask its author to write it again.",
    )
