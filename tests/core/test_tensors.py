from __future__ import annotations

import hashlib
import subprocess
import sys

import torch

from ticket_hub.tensors import pack_tensors, unpack_tensors

WRITE = """
import hashlib, torch
from ticket_hub.tensors import pack_tensors
tensors = {f"layer{n}": torch.full((n, 3), float(n)) for n in (5, 1, 9)}
print(hashlib.sha256(pack_tensors(tensors)).hexdigest())
"""


def test_tensors_come_back_bit_for_bit_whatever_their_kind() -> None:
    tensors = {
        "float": torch.tensor([0.1, -0.0, torch.nan, torch.inf]),
        "double": torch.tensor([[1e-300]], dtype=torch.float64),
        "mask": torch.tensor([True, False, True]),
        "count": torch.tensor(7),
        "empty": torch.empty(0, 3),
    }
    again = unpack_tensors(pack_tensors(tensors))
    assert again.keys() == tensors.keys()
    for name, value in tensors.items():
        assert (again[name].dtype, again[name].shape) == (value.dtype, value.shape)
        assert again[name].numpy().tobytes() == value.numpy().tobytes()


def test_views_of_one_buffer_are_written_each_by_itself() -> None:
    buffer = torch.arange(6.0)
    again = unpack_tensors(pack_tensors({"all": buffer, "left": buffer[:2], "turned": buffer[::2]}))
    assert again["left"].tolist() == [0, 1]
    assert again["turned"].tolist() == [0, 2, 4]


def test_another_process_writes_the_same_bytes() -> None:
    tensors = {f"layer{n}": torch.full((n, 3), float(n)) for n in (9, 5, 1)}
    told = subprocess.run([sys.executable, "-c", WRITE], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == hashlib.sha256(pack_tensors(tensors)).hexdigest()
