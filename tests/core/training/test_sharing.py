"""One copy of the data, of its normalized pixels, and of the settings of this process."""

from __future__ import annotations

import gc
import os
from dataclasses import replace

import pytest
import torch

from tests.helpers.populations import spec
from ticket_hub.data import DataSet, Part, normalized
from ticket_hub.training import pixels
from ticket_hub.training.graphs import Repeater, Rows
from ticket_hub.training.pixels import cut, floats, kept_floats
from ticket_hub.training.settings import deliberate
from ticket_hub.training.sharing import SharedData, open_shared


def test_shared_data_are_the_data(digits: DataSet) -> None:
    shared = SharedData(digits)
    try:
        found = open_shared(shared.handle, shared.sheet)
    finally:
        shared.close()
    for name in ("train", "validation", "test"):
        ours, theirs = getattr(digits, name), getattr(found, name)
        assert torch.equal(ours.inputs, theirs.inputs)
        assert torch.equal(ours.labels, theirs.labels)
        assert torch.equal(floats(theirs, found), normalized(ours.inputs, digits))
    assert found.fingerprint == digits.fingerprint
    assert found.spec == digits.spec
    assert found.class_names == digits.class_names


def test_a_closed_share_is_closed(digits: DataSet) -> None:
    shared = SharedData(digits)
    assert os.fstat(shared.handle).st_size == shared.sheet.size
    shared.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(shared.handle)


def test_slices_share_the_pixels_of_the_whole_part(digits: DataSet) -> None:
    pieces = cut(digits.validation, 70)
    assert cut(digits.validation, 70) is pieces
    assert [len(piece) for piece in pieces] == [70, 70, 70, 70, 20]
    whole = floats(digits.validation, digits)
    for index, piece in enumerate(pieces):
        values = floats(piece, digits)
        assert torch.equal(values, normalized(piece.inputs, digits))
        assert values.data_ptr() == whole[70 * index].data_ptr()


def test_kept_pixels_go_when_their_part_goes(digits: DataSet) -> None:
    part = Part(inputs=digits.test.inputs.clone(), labels=digits.test.labels.clone())
    data = replace(digits, test=part)
    floats(cut(part, 50)[0], data)
    gc.collect()  # what other tests left behind is not counted
    held = len(pixels._floats)
    del part, data
    gc.collect()
    assert len(pixels._floats) == held - 1


def test_pixels_that_change_every_epoch_are_not_kept(digits: DataSet) -> None:
    moved = replace(digits, spec=replace(digits.spec, flip=True))
    assert kept_floats(moved.train, moved) == 0
    assert kept_floats(moved.test, moved) == moved.test.inputs.numel() * 4


def test_settings_are_put_back_after_training() -> None:
    def now() -> tuple[object, ...]:
        tiny = float(torch.tensor([1e-40]).mul(1))
        return (
            torch.get_num_threads(),
            tiny,
            torch.backends.cudnn.deterministic,
            torch.backends.cuda.matmul.fp32_precision,
        )

    before = now()
    with deliberate(spec()):
        assert now() == (1, 0.0, True, "ieee")
    assert now() == before


def test_a_repeated_step_reads_the_rows_in_turn() -> None:
    rows, seen = Rows(4, torch.device("cpu")), []

    def step() -> None:
        seen.append((int(rows.row("a")), rows.row("b").tolist()))
        rows.advance()

    repeat = Repeater(torch.device("cpu"))
    rows.load(a=torch.arange(3), b=torch.eye(3))
    repeat(step, 2)
    rows.load(a=torch.tensor([7]), b=torch.zeros(1, 3))
    repeat(step, 1)
    assert seen == [(0, [1, 0, 0]), (1, [0, 1, 0]), (7, [0, 0, 0])]
