"""Texts as examples: files, folders, and the numbers of words."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import torch

from ticket_hub.data import DataSet, adapted, load, normalized
from ticket_hub.data.texts import VOCABULARY, numbers_of
from ticket_hub.errors import DataCorruptError, DataError, DataNotFoundError
from ticket_hub.recipe import DataSpec

GOOD = [f"what a fine film , number {i}" for i in range(20)]
BAD = [f"dull and too long: {i}" for i in range(20)]
LINES = "".join(f"good\t{text}\n" for text in GOOD) + "".join(f"bad\t{text}\r\n" for text in BAD)


def read(path: Path, size: int = 0) -> DataSet:
    return load(DataSpec(name=f"text:{path}", validation=4, size=size), fetch=None)


def words(text: str) -> list[int]:
    row: list[int] = numbers_of([text], 8).flatten().tolist()
    return row


def test_a_file_of_labels_and_texts(tmp_path: Path) -> None:
    (tmp_path / "all.tsv").write_text(LINES)
    data = read(tmp_path / "all.tsv")
    assert (data.kind, data.classes, data.class_names) == ("tokens", 2, ("bad", "good"))
    assert data.input_shape == (VOCABULARY, 1, 7), "as long as the longest text"
    assert [len(part) for part in (data.train, data.validation, data.test)] == [28, 4, 8]
    assert torch.equal(normalized(data.test.inputs, data), data.test.inputs)
    (tmp_path / "all.tsv.gz").write_bytes(gzip.compress(LINES.encode()))
    assert read(tmp_path / "all.tsv.gz").fingerprint == data.fingerprint


def test_a_folder_of_parts_and_a_folder_of_classes(tmp_path: Path) -> None:
    for part in ("train", "dev", "test"):
        (tmp_path / f"parts/{part}.tsv").parent.mkdir(exist_ok=True)
        (tmp_path / f"parts/{part}.tsv").write_text(LINES)
    data = read(tmp_path / "parts")
    assert [len(part) for part in (data.train, data.validation, data.test)] == [40, 40, 40]
    for name, texts in {"good": GOOD, "bad": BAD}.items():
        (tmp_path / "classes" / name).mkdir(parents=True)
        for number, text in enumerate(texts):
            (tmp_path / "classes" / name / f"{number}.txt").write_text(text)
    assert read(tmp_path / "classes").class_names == ("bad", "good")
    assert len(read(tmp_path / "classes").test) == 8


def test_a_word_has_the_same_number_everywhere_and_the_end_is_0() -> None:
    first, second = words("A film, a FILM"), words("film a")
    assert first[:2] == [first[3], first[4]]
    assert second[:2] == first[1::-1]
    assert (first[5:], second[2:]) == ([0, 0, 0], [0] * 6)
    assert all(0 < number < VOCABULARY for number in first[:5])
    # BLAKE2b of "film", 8 bytes, modulo 2**14 - 1, plus 1: computed once, and the same for ever.
    assert words("film")[0] == FILM


FILM = 1 + 0x404301D4DEBE2C5B % (VOCABULARY - 1)


def test_texts_are_cut_and_filled_up_as_a_network_wants(tmp_path: Path) -> None:
    (tmp_path / "all.tsv").write_text(LINES)
    data, short = read(tmp_path / "all.tsv"), read(tmp_path / "all.tsv", size=3)
    assert short.input_shape == (VOCABULARY, 1, 3)
    assert torch.equal(short.test.inputs, data.test.inputs[..., :3])
    cut = adapted(data, channels=VOCABULARY, height=1, width=3)
    assert torch.equal(cut.test.inputs, short.test.inputs)
    longer = adapted(data, channels=VOCABULARY, height=1, width=9)
    assert torch.equal(longer.test.inputs[..., :7], data.test.inputs)
    assert not longer.test.inputs[..., 7:].any()
    assert longer.fingerprint != data.fingerprint
    with pytest.raises(DataError, match="are tokens of shape"):
        adapted(data, channels=3, height=32, width=32)


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (b"good\tfine\nno label here\n", DataCorruptError, "Line 2"),
        (b"good\tfine\xff\n", DataCorruptError, "UTF-8"),
        (b"", DataError, "without any text"),
    ],
)
def test_files_that_are_no_labelled_texts_are_refused(
    content: bytes, error: type[DataError], message: str, tmp_path: Path
) -> None:
    (tmp_path / "all.tsv").write_bytes(content)
    with pytest.raises(error, match=message):
        read(tmp_path / "all.tsv")


def test_folders_that_are_laid_out_otherwise_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataNotFoundError):
        read(tmp_path / "none")
    with pytest.raises(DataError, match="no texts"):
        read(tmp_path)
    (tmp_path / "train.tsv").write_text(LINES)
    with pytest.raises(DataError, match="'train' alone: it lacks a test part"):
        read(tmp_path)
    (tmp_path / "training.tsv").write_text(LINES)
    with pytest.raises(DataError, match=r"train\.tsv"):
        read(tmp_path)


def test_texts_to_choose_by_are_not_taken_to_train_on(tmp_path: Path) -> None:
    for part in ("val", "test"):
        (tmp_path / f"{part}.tsv").write_text(LINES)
    with pytest.raises(DataError, match="'val' and 'test' alone: it lacks a training part"):
        read(tmp_path)


def test_texts_are_not_augmented(tmp_path: Path) -> None:
    (tmp_path / "all.tsv").write_text(LINES)
    with pytest.raises(DataError, match=r"data\.flip is for images"):
        load(DataSpec(name=f"text:{tmp_path}/all.tsv", validation=4, flip=True), fetch=None)
