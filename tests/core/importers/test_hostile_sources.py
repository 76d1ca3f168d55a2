"""Files of strangers: refused, or read to what they say; never anything else."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from safetensors.torch import save
from torch import Tensor

from ticket_hub.errors import ImportRefusedError
from ticket_hub.interop.importers.files import read_array, read_tensors
from ticket_hub.interop.importers.fitting import fit_mask
from ticket_hub.types import Architecture

LENET = Architecture(name="lenet-6", channels=1, height=4, width=4, classes=3)


def _saved(*, zipped: bool) -> bytes:
    data = io.BytesIO()
    state = {"hidden.0.weight": torch.arange(12.0).reshape(3, 4), "steps": torch.tensor(3)}
    torch.save(state, data, _use_new_zipfile_serialization=zipped)
    return data.getvalue()


def _array() -> bytes:
    data = io.BytesIO()
    np.save(data, np.arange(12.0).reshape(3, 4))
    return data.getvalue()


SOUND = {
    "zip.pth": _saved(zipped=True),
    "legacy.pth": _saved(zipped=False),
    "x.safetensors": save({"a": torch.arange(12.0).reshape(3, 4), "b": torch.ones(2).bool()}),
}


@pytest.mark.parametrize("name", SOUND)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(edits=st.lists(st.tuples(st.integers(0, 2**20), st.integers(0, 255)), max_size=4))
@example(edits=[(SOUND["zip.pth"].rindex(b"PK\x06\x07") + 16, 9)])  # of nine disks
def test_a_damaged_file_gives_tensors_or_a_refusal(
    tmp_path: Path, name: str, edits: list[tuple[int, int]]
) -> None:
    data = bytearray(SOUND[name])
    for place, value in edits:
        data[place % len(data)] = value
    (tmp_path / name).write_bytes(data)
    with contextlib.suppress(ImportRefusedError):  # anything else fails the test
        found = read_tensors(tmp_path / name)
        assert all(isinstance(value, Tensor) for value in found.values())


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(place=st.integers(0, 2**10), value=st.integers(0, 255))
def test_a_damaged_array_gives_numbers_or_a_refusal(tmp_path: Path, place: int, value: int) -> None:
    data = bytearray(_array())
    data[place % len(data)] = value
    (tmp_path / "layer0.npy").write_bytes(data)
    with contextlib.suppress(ImportRefusedError):  # anything else fails the test
        assert isinstance(read_array(tmp_path / "layer0.npy"), Tensor)


def test_an_array_longer_than_its_file_is_refused_before_memory_is_asked_for(
    tmp_path: Path,
) -> None:
    path = tmp_path / "layer0.npy"
    with path.open("wb") as stream:
        header = {"descr": "<f4", "fortran_order": False, "shape": (10**7, 10**7)}
        np.lib.format.write_array_header_1_0(stream, header)
    with pytest.raises(ImportRefusedError, match="it would have"):
        read_array(path)


def test_a_view_that_repeats_one_number_a_trillion_times_is_refused(tmp_path: Path) -> None:
    torch.save({"fc.weight": torch.ones(1).expand(10**6, 10**6)}, tmp_path / "mask.pth")
    with pytest.raises(ImportRefusedError, match="beside plain tensors"):
        read_tensors(tmp_path / "mask.pth")


@pytest.mark.parametrize(
    "change",
    [
        lambda header: header.replace(b'"b"', b'"a"'),
        lambda header: header + b" " * (1 << 20),
        lambda header: header.replace(b"F32", b"F99"),
        lambda header: b"[" * 10_000 + header,
    ],
)
def test_a_header_that_no_writer_makes_is_refused(
    tmp_path: Path, change: Callable[[bytes], bytes]
) -> None:
    data = save({"a": torch.ones(2), "b": torch.ones(2)})
    size = int.from_bytes(data[:8], "little")
    header = change(data[8 : 8 + size])
    path = tmp_path / "theta0.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + data[8 + size :])
    with pytest.raises(ImportRefusedError, match="not a safetensors file"):
        read_tensors(path)


def test_a_bool_that_is_neither_false_nor_true_is_refused(tmp_path: Path) -> None:
    header = json.dumps(
        {"hidden.0.weight": {"dtype": "BOOL", "shape": [6, 16], "data_offsets": [0, 96]}}
    ).encode()
    path = tmp_path / "mask.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes([1, 0, 2]) * 32)
    with pytest.raises(ImportRefusedError, match="beside 0 and 1"):
        fit_mask(read_tensors(path), {}, LENET, path.name)


@pytest.mark.parametrize(
    "content", [[torch.ones(2)], {"a": {"b": torch.ones(2)}}, {"a": "text"}, {}, 3]
)
def test_what_is_not_tensors_by_name_is_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "theta0.pth")
    with pytest.raises(ImportRefusedError, match="tensors by name"):
        read_tensors(tmp_path / "theta0.pth")
