from __future__ import annotations

import socket
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ticket_hub.data import DataSet, load
from ticket_hub.data.huggingface import read_huggingface
from ticket_hub.data.texts import VOCABULARY, numbers_of
from ticket_hub.errors import DataCorruptError, DataError, DataNotFoundError
from ticket_hub.recipe import DataSpec

datasets = pytest.importorskip("datasets")


def table(
    count: int, seed: int, *, mode: str = "L", named: bool = True, label: str = "label"
) -> Any:  # noqa: ANN401 - a library without types
    pixels = np.random.default_rng(seed).integers(0, 256, (count, 5, 6, 3), dtype=np.uint8)
    kind = datasets.ClassLabel(names=["no", "yes"]) if named else datasets.Value("int64")
    return datasets.Dataset.from_dict(
        {
            "picture": [Image.fromarray(image).convert(mode) for image in pixels],
            label: [number % 2 for number in range(count)],
        },
        features=datasets.Features({"picture": datasets.Image(), label: kind}),
    )


def saved(root: Path, **parts: Any) -> Path:  # noqa: ANN401 - as above
    datasets.DatasetDict(parts).save_to_disk(str(root / "huggingface/someone/pictures"))
    return root


def read(root: Path, name: str = "someone/pictures", **options: Any) -> DataSet:  # noqa: ANN401 - of the spec
    spec = DataSpec(name=f"hf:{name}", **({"validation": 4} | options))
    return load(spec, root, fetch=None)


def test_parts_saved_to_disk_are_read(tmp_path: Path) -> None:
    train, test = table(20, 1), table(6, 2)
    data = read(saved(tmp_path, train=train, test=test))
    assert [len(data.train), len(data.validation), len(data.test)] == [16, 4, 6]
    assert (data.input_shape, data.class_names) == ((1, 5, 6), ("no", "yes"))
    assert data.test.inputs[3, 0].tolist() == np.array(test[3]["picture"]).tolist()
    assert data.test.labels.tolist() == [0, 1] * 3


def test_parquet_files_are_read_by_the_names_of_their_parts(tmp_path: Path) -> None:
    folder = tmp_path / "huggingface/someone/pictures"
    folder.mkdir(parents=True)
    table(20, 1).to_parquet(folder / "train.parquet")
    table(6, 2).to_parquet(folder / "test.parquet")
    on_disk = saved(tmp_path / "other", train=table(20, 1), test=table(6, 2))
    assert read(tmp_path).fingerprint == read(on_disk).fingerprint


def test_all_three_parts_are_kept(tmp_path: Path) -> None:
    parts = {"train": table(20, 1), "validation": table(8, 3), "test": table(6, 2)}
    data = read(saved(tmp_path, **parts), validation=5000)
    assert [len(data.train), len(data.validation), len(data.test)] == [20, 8, 6]


def test_validation_is_the_test_part_where_there_is_no_other(tmp_path: Path) -> None:
    data = read(saved(tmp_path, train=table(20, 1), validation=table(8, 3)))
    assert [len(data.train), len(data.validation), len(data.test)] == [16, 4, 8]


def test_a_training_part_alone_gives_a_fifth_of_every_class(tmp_path: Path) -> None:
    data = read(saved(tmp_path, train=table(20, 1)))
    assert [len(data.train), len(data.validation), len(data.test)] == [12, 4, 4]
    assert sorted(data.test.labels.tolist()) == [0, 0, 1, 1]


def test_a_column_of_numbers_named_label_gives_the_classes(tmp_path: Path) -> None:
    data = read(saved(tmp_path, train=table(20, 1, named=False), test=table(6, 2, named=False)))
    assert (data.classes, data.class_names) == (2, ("0", "1"))


def test_one_part_in_colour_makes_all_of_colour_and_a_size_scales_them(tmp_path: Path) -> None:
    data = read(saved(tmp_path, train=table(20, 1), test=table(6, 2, mode="RGB")), size=7)
    assert data.input_shape == (3, 7, 7)
    assert torch.equal(data.train.inputs[:, 0], data.train.inputs[:, 2])


def test_what_is_not_there_is_named_with_folder_and_remedy(tmp_path: Path) -> None:
    with pytest.raises(DataNotFoundError) as caught:
        read(tmp_path, "someone/nothing")
    assert "hf:someone/nothing" in caught.value.problem
    assert str(tmp_path) in caught.value.problem
    assert "save_to_disk" in caught.value.remedy


def test_a_hub_that_cannot_be_reached_is_given_up_at_once(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(DataNotFoundError, match="HF_HUB_OFFLINE"):
            read_huggingface(
                "someone/nothing", tmp_path, DataSpec(name="x"), online=True, endpoint=endpoint
            )


@pytest.mark.parametrize(
    "name", ["pictures", "../../etc/passwd", "a/b/c", "a/../b", "a b/c", "/a/b"]
)
def test_a_name_that_is_none_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataNotFoundError, match="is not the name of a data set"):
        read(tmp_path, name)


def test_a_table_without_pictures_or_classes_is_refused_with_its_columns(tmp_path: Path) -> None:
    other = table(20, 1, named=False, label="size")
    with pytest.raises(DataError, match="its columns are picture, size"):
        read(saved(tmp_path, train=other))
    with pytest.raises(DataError, match="no part 'train', only test"):
        read(saved(tmp_path / "other", test=table(20, 1)))


def sentences(column: str = "sentence", **more: list[Any]) -> Any:  # noqa: ANN401 - as above
    texts = [f"a {('fine', 'dull')[i % 2]} film {i}" for i in range(20)]
    kind = datasets.ClassLabel(names=["good", "bad"])
    labels = datasets.Dataset.from_dict({"label": [i % 2 for i in range(20)]})
    found = labels.cast_column("label", kind).add_column(column, texts)
    for name, values in more.items():
        found = found.add_column(name, values)
    return found


def test_a_column_of_strings_is_read_as_texts(tmp_path: Path) -> None:
    data = read(saved(tmp_path, train=sentences(), test=sentences()))
    assert (data.kind, data.input_shape) == ("tokens", (VOCABULARY, 1, 4))
    assert (data.class_names, len(data.train), len(data.test)) == (("good", "bad"), 16, 20)
    assert torch.equal(data.test.inputs, numbers_of(sentences()["sentence"], 4))
    assert read(tmp_path, size=2).input_shape == (VOCABULARY, 1, 2)
    named = saved(tmp_path / "text", train=sentences("text", title=["x"] * 20))
    assert read(named).kind == "tokens"
    with pytest.raises(DataError, match="not a set of images or texts"):
        read(saved(tmp_path / "two", train=sentences("body", title=["x"] * 20)))
    broken = saved(tmp_path / "broken", train=sentences("text", sentence=[None, *["x"] * 19]))
    assert read(broken).kind == "tokens", "the column called `text` goes first"
    holed = saved(tmp_path / "holed", train=sentences("title", text=["x"] * 19 + [None]))
    with pytest.raises(DataCorruptError, match="Text 19 of hf:someone/pictures is missing"):
        read(holed)


def test_labels_that_are_missing_are_refused(tmp_path: Path) -> None:
    unlabelled = table(6, 2).map(lambda _: {"label": -1})
    with pytest.raises(DataError, match="test labels from -1 to -1"):
        read(saved(tmp_path, train=table(20, 1), test=unlabelled))


def test_a_broken_picture_is_corrupt_by_its_number(tmp_path: Path) -> None:
    broken = table(20, 1).cast_column("picture", datasets.Image(decode=False))
    broken = broken.map(
        lambda row, place: {
            "picture": row["picture"] if place < 3 else {"bytes": b"x", "path": None}
        },
        with_indices=True,
    ).cast_column("picture", datasets.Image())
    with pytest.raises(DataCorruptError, match="Image 3 of hf:someone/pictures cannot be read"):
        read(saved(tmp_path, train=broken, test=table(6, 2)))


def deep_png() -> bytes:
    """A PNG in colour, 6x5 pixels, 16 bits a channel, which the library itself cuts to 8."""
    rows = 5 * (b"\0" + bytes(range(36)))
    head = struct.pack(">IIBBBBB", 6, 5, 16, 2, 0, 0, 0)
    whole = b"\x89PNG\r\n\x1a\n"
    for name, body in ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
        crc = zlib.crc32(name + body)
        whole += struct.pack(">I", len(body)) + name + body + struct.pack(">I", crc)
    return whole


def test_a_picture_of_sixteen_bits_is_refused_by_its_number(tmp_path: Path) -> None:
    deep = table(20, 1).cast_column("picture", datasets.Image(decode=False))
    deep = deep.map(
        lambda row, place: {
            "picture": row["picture"] if place < 3 else {"bytes": deep_png(), "path": None}
        },
        with_indices=True,
    ).cast_column("picture", datasets.Image())
    with pytest.raises(DataCorruptError, match=r"Image 3 .*more than 8 bits"):
        read(saved(tmp_path, train=deep, test=table(6, 2)))


def test_images_that_stand_in_two_parts_are_told(tmp_path: Path) -> None:
    data = read(saved(tmp_path, train=table(20, 1), test=table(6, 1)))
    assert len(data.notes) == 1
    assert "in the training and the test part, pixel for pixel: 6 in all" in data.notes[0]
