from __future__ import annotations

from random import Random

import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ticket_hub.bundle.packing import pack, packed_size, unpack
from ticket_hub.bundle.tensors import chunks, header_size, parse_header, tensor_at
from ticket_hub.content_id import ticket_id
from ticket_hub.types import Architecture

DTYPES = (
    torch.float64,
    torch.int64,
    torch.float32,
    torch.int32,
    torch.bfloat16,
    torch.float16,
    torch.int16,
    torch.int8,
    torch.uint8,
)

shapes = st.lists(st.integers(0, 5), max_size=4).map(tuple)
names = st.from_regex(r"[A-Za-z0-9_.]{1,12}", fullmatch=True)


@st.composite
def states(draw: st.DrawFn) -> dict[str, Tensor]:
    found = {}
    for name in draw(st.lists(names, max_size=8, unique=True)):
        shape, dtype = draw(shapes), draw(st.sampled_from(DTYPES))
        found[name] = torch.arange(torch.Size(shape).numel()).view(shape).to(dtype)
    return found


def written(tensors: dict[str, Tensor]) -> bytes:
    return b"".join(bytes(chunk) for chunk in chunks(tensors))


@given(states())
def test_the_bytes_are_those_of_the_safetensors_library(tensors: dict[str, Tensor]) -> None:
    assert written(tensors) == safetensors.torch.save(tensors, {"format": "pt"})


@given(states())
def test_what_is_written_is_read_back(tensors: dict[str, Tensor]) -> None:
    data = bytearray(written(tensors))
    size = header_size(bytes(data[:8]), "test")
    entries = parse_header(bytes(data[8 : 8 + size]), len(data) - 8 - size, "test")
    assert set(entries) == set(tensors)
    for name, value in tensors.items():
        found = tensor_at(data, 8 + size, entries[name])
        assert (found.dtype, found.shape) == (value.dtype, value.shape)
        assert torch.equal(found, value)


@given(shapes, st.randoms(use_true_random=False))
def test_a_mask_survives_packing(shape: tuple[int, ...], random: Random) -> None:
    count = torch.Size(shape).numel()
    keep = torch.tensor([random.random() < 0.5 for _ in range(count)], dtype=torch.bool).view(shape)
    packed = pack(keep)
    assert packed.shape == (packed_size(shape),)
    assert torch.equal(unpack(packed, shape, "test"), keep)


def test_the_first_weight_is_the_lowest_bit() -> None:
    keep = torch.tensor([True, False, False, False, False, False, False, False, True])
    assert pack(keep).tolist() == [1, 1]


ARCHITECTURE = Architecture(name="lenet-3", channels=1, height=2, width=2, classes=2)


def test_the_id_of_a_ticket_is_that_of_its_survivors() -> None:
    theta0 = {"a.weight": torch.arange(6.0).view(2, 3), "a.bias": torch.ones(2)}
    mask = {"a.weight": torch.tensor([[True, False, True], [False, True, True]])}
    known = ticket_id(ARCHITECTURE, theta0, mask)
    elsewhere = theta0 | {"a.weight": theta0["a.weight"].masked_fill(~mask["a.weight"], 9.0)}
    assert ticket_id(ARCHITECTURE, elsewhere, mask) == known
    assert ticket_id(ARCHITECTURE, dict(reversed(theta0.items())), mask) == known
    for name, place in (("a.weight", (0, 0)), ("a.bias", (1,))):
        changed = {key: value.clone() for key, value in theta0.items()}
        changed[name][place] += 1
        assert ticket_id(ARCHITECTURE, changed, mask) != known
    assert ticket_id(ARCHITECTURE, theta0, {"a.weight": ~mask["a.weight"]}) != known
    assert ticket_id(ARCHITECTURE, theta0, {}) != known
