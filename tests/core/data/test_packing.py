"""Pictures that are packed into one file, and read from it."""

from __future__ import annotations

import pickle
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from PIL import Image

from tests.helpers.populations import assert_same, network, population, spec
from ticket_hub.data import DataSet, PackedImages, data_pack, load
from ticket_hub.data.pack_file import INDEX, PICTURES, Pack
from ticket_hub.errors import (
    DataCorruptError,
    DataError,
    DataNotFoundError,
    RecipeError,
    StoppedError,
)
from ticket_hub.networks import blank_module
from ticket_hub.recipe import DataSpec
from ticket_hub.training import Trained, train
from ticket_hub.training.choice import choose

CROPPED = DataSpec(name="", validation=8, crop=2, flip=True, jitter={"contrast": 0.3})


def write_pictures(folder: Path, *, sizes: list[tuple[int, int]], ending: str = "png") -> str:
    """A folder of pictures of two classes, and its name; no two are the same."""
    generator = np.random.default_rng(1)
    for part, count in (("train", 20), ("test", 8)):
        for number in range(count):
            path = folder / part / "ab"[number % 2] / f"{number:02d}.{ending}"
            path.parent.mkdir(parents=True, exist_ok=True)
            width, height = sizes[number % len(sizes)]
            small = generator.integers(0, 255, (6, 6, 3), dtype=np.uint8)
            Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC).save(path)
    return f"folder:{folder}"


@pytest.fixture
def small(tmp_path: Path) -> str:
    return write_pictures(tmp_path / "pictures", sizes=[(16, 16)])


def both(name: str, data_dir: Path, wanted: DataSpec = CROPPED) -> tuple[DataSet, DataSet]:
    """The data set from memory and from disk."""
    data_pack(name, data_dir=data_dir)
    wanted = replace(wanted, name=name)
    return load(wanted, data_dir), load(replace(wanted, storage="disk"), data_dir)


TRAINING = spec(
    iterations=5, batch_size=5, optimizer="sgd", lr=0.05, momentum=0.9, evaluate_every=5,
    label_smoothing=0.1,
)  # fmt: skip


def trained(data: DataSet) -> Trained:
    architecture = network(data, "resnet-8")
    return train(architecture, data, TRAINING, population(architecture, 1), workers=1)[0]


@pytest.mark.parametrize("crop", [2, "resized"])
def test_png_from_disk_trains_bit_for_bit_like_memory(
    small: str, tmp_path: Path, crop: Literal[2, "resized"]
) -> None:
    memory, disk = both(small, tmp_path, replace(CROPPED, crop=crop, normalize="standard"))
    assert isinstance(disk.train.inputs, PackedImages)
    for ours, theirs in ((disk.train, memory.train), (disk.test, memory.test)):
        assert torch.equal(ours.inputs + 0, theirs.inputs)
        assert torch.equal(ours.labels, theirs.labels)
    assert torch.equal(disk.mean, memory.mean)
    assert torch.equal(disk.std, memory.std)
    assert_same(trained(memory), trained(disk))


def test_pictures_of_any_size_are_scaled_once_and_cut_by_their_draws(tmp_path: Path) -> None:
    name = write_pictures(tmp_path / "p", sizes=[(40, 30), (24, 36), (20, 20)], ending="jpg")
    folder = data_pack(name, short_side=24, data_dir=tmp_path)
    index = Pack(folder).index
    assert min(index["height"].min(), index["width"].min()) == 24
    assert set(zip(index["width"].tolist(), index["height"].tolist(), strict=True)) == {
        (32, 24), (24, 36), (24, 24),
    }  # fmt: skip
    wanted = DataSpec(
        name=name, size=16, short_side=24, storage="disk", validation=4, crop="resized", flip=True
    )
    data = load(wanted, tmp_path)
    assert data.input_shape == (3, 16, 16)
    images = data.test.inputs
    assert isinstance(images, PackedImages)
    with Image.open(BytesIO(images.pack.encoded(20))) as picture:
        left, top = (picture.width - 16) // 2, (picture.height - 16) // 2
        middle = np.asarray(picture.convert("RGB").crop((left, top, left + 16, top + 16)))
    assert torch.equal(images[:1].read()[0], torch.from_numpy(middle.transpose(2, 0, 1).copy()))  # type: ignore[attr-defined]
    assert_same(trained(data), trained(pickle.loads(pickle.dumps(data))))


def test_stopped_packing_goes_on_to_the_same_bytes(small: str, tmp_path: Path) -> None:
    whole = data_pack(small, data_dir=tmp_path / "one")
    calls = iter(range(100))
    with pytest.raises(StoppedError, match="after 6 of 28 pictures"):
        data_pack(small, data_dir=tmp_path / "two", should_stop=lambda: next(calls) == 5)
    folder = tmp_path / "two/packed" / whole.name
    with (folder / PICTURES).open("ab") as stream:
        stream.write(b"torn")
    with (folder / INDEX).open("ab") as stream:
        stream.write(b"torn")
    told: list[tuple[int, int]] = []
    assert data_pack(small, data_dir=tmp_path / "two", observe=lambda *n: told.append(n)) == folder
    assert told[-1] == (28, 28)
    for file in (PICTURES, INDEX):
        assert (folder / file).read_bytes() == (whole / file).read_bytes()


def test_damaged_packs_are_refused(small: str, tmp_path: Path) -> None:
    wanted = replace(CROPPED, name=small, storage="disk")
    with pytest.raises(DataNotFoundError, match="no packed pictures"):
        load(wanted, tmp_path)
    folder = data_pack(small, data_dir=tmp_path)
    before = load(wanted, tmp_path).fingerprint
    assert load(wanted, tmp_path).fingerprint == before
    data = bytearray((folder / PICTURES).read_bytes())
    data[40] ^= 1
    (folder / PICTURES).write_bytes(data)
    with pytest.raises(DataCorruptError, match=r"Picture 0 .* is not what was written"):
        data_pack(small, data_dir=tmp_path)
    (folder / PICTURES).write_bytes(data[:-1])
    with pytest.raises(DataCorruptError, match="bytes and should have"):
        load(wanted, tmp_path)


def test_what_cannot_be_read_from_disk_is_refused(small: str, tmp_path: Path) -> None:
    _, disk = both(small, tmp_path)
    module = blank_module(network(disk, "lenet-8"))
    with pytest.raises(RecipeError, match="pictures that lie on disk"):
        choose(module, spec(backend="sparse-torch"), disk, 0.1)
    with pytest.raises(DataError, match="smaller than 17 pixels"):
        load(replace(CROPPED, name=small, storage="disk", size=17), tmp_path)
    uneven = write_pictures(tmp_path / "uneven", sizes=[(16, 16), (16, 18)])
    data_pack(uneven, data_dir=tmp_path)
    with pytest.raises(DataError, match="several sizes"):
        load(replace(CROPPED, name=uneven, storage="disk"), tmp_path)
