from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ticket_hub.data import DataSet, load
from ticket_hub.errors import DataCorruptError, DataError, DataNotFoundError
from ticket_hub.recipe import DataSpec


def picture(path: Path, value: int, size: tuple[int, int] = (6, 5), mode: str = "RGB") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    width, height = size
    noise = np.random.default_rng(value).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(noise).convert(mode).save(path)


def tree(root: Path, per_class: int = 10, first: int = 0, mode: str = "RGB") -> Path:
    for place, name in enumerate(("cat", "ant", "bee")):
        for number in range(per_class):
            value = first + place * per_class + number
            picture(root / name / f"{number:03}.png", value, mode=mode)
    return root


def read(path: Path, validation: int = 3, split_seed: int = 0, size: int = 0) -> DataSet:
    spec = DataSpec(name=f"folder:{path}", validation=validation, split_seed=split_seed, size=size)
    return load(spec, fetch=None)


def pixels(path: Path) -> list[list[list[int]]]:
    nested: list[list[list[int]]] = np.array(Image.open(path)).transpose(2, 0, 1).tolist()
    return nested


def test_train_val_and_test_are_taken_as_they_stand(tmp_path: Path) -> None:
    for place, part in enumerate(("train", "val", "test")):
        tree(tmp_path / part, per_class=10 - place, first=100 * place)
    data = read(tmp_path, validation=5000)
    assert [len(data.train), len(data.validation), len(data.test)] == [30, 27, 24]
    assert (data.class_names, data.classes) == (("ant", "bee", "cat"), 3)
    assert data.test.inputs[0].tolist() == pixels(tmp_path / "test/ant/000.png")
    assert data.test.labels.tolist() == [0] * 8 + [1] * 8 + [2] * 8


def test_validation_is_held_out_of_train_where_only_test_is_there(tmp_path: Path) -> None:
    tree(tmp_path / "train")
    tree(tmp_path / "test", per_class=2, first=50)
    data = read(tmp_path)
    assert [len(data.train), len(data.validation), len(data.test)] == [27, 3, 6]


@pytest.mark.parametrize("name", ["val", "valid", "validation"])
def test_val_is_the_test_part_where_no_test_is_there(name: str, tmp_path: Path) -> None:
    tree(tmp_path / "train")
    tree(tmp_path / name, per_class=2, first=50)
    data = read(tmp_path)
    assert [len(data.train), len(data.validation), len(data.test)] == [27, 3, 6]


def test_a_single_tree_gives_a_fifth_of_every_class_to_the_test_part(tmp_path: Path) -> None:
    data = read(tree(tmp_path))
    assert Counter(data.test.labels.tolist()) == {0: 2, 1: 2, 2: 2}
    assert [len(data.train), len(data.validation)] == [21, 3]
    everything = torch.cat([data.train.inputs, data.validation.inputs, data.test.inputs])
    assert len(everything.unique(dim=0)) == 30


def test_the_split_of_a_single_tree_depends_on_the_seed_alone(tmp_path: Path) -> None:
    first, again, other = read(tree(tmp_path)), read(tmp_path), read(tmp_path, split_seed=1)
    assert first.fingerprint == again.fingerprint
    assert not torch.equal(first.test.inputs, other.test.inputs)


def test_the_fingerprint_does_not_depend_on_where_the_folder_lies(tmp_path: Path) -> None:
    here = read(tree(tmp_path / "here"))
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    assert read(tmp_path / "there").fingerprint == here.fingerprint


def test_grey_pictures_have_one_channel_until_one_is_in_colour(tmp_path: Path) -> None:
    tree(tmp_path, mode="L")
    grey = read(tmp_path)
    assert grey.input_shape == (1, 5, 6)
    picture(tmp_path / "ant/999.png", 999)
    colour = read(tmp_path)
    assert colour.input_shape == (3, 5, 6)


@pytest.mark.parametrize("mode", ["RGBA", "P", "LA", "CMYK", "1"])
def test_pictures_of_other_modes_are_converted(mode: str, tmp_path: Path) -> None:
    tree(tmp_path)
    suffix = "tiff" if mode == "CMYK" else "png"
    picture(tmp_path / f"ant/other.{suffix}", 7, mode=mode)
    assert read(tmp_path).input_shape == (3, 5, 6)


def test_pictures_of_several_sizes_need_a_size(tmp_path: Path) -> None:
    tree(tmp_path)
    picture(tmp_path / "bee/large.png", 7, size=(31, 17))
    with pytest.raises(DataError, match=r"2 different sizes \(such as 6x5, 31x17\).*data\.size"):
        read(tmp_path)
    data = read(tmp_path, size=9)
    assert data.input_shape == (3, 9, 9)


def test_hidden_and_other_files_are_passed_over_and_subfolders_entered(tmp_path: Path) -> None:
    tree(tmp_path)
    (tmp_path / "ant/notes.txt").write_text("no image")
    (tmp_path / ".thumbs").mkdir()
    (tmp_path / "ant/.hidden.png").write_bytes(b"")
    picture(tmp_path / "ant/more/deep.PNG", 500)
    data = read(tmp_path)
    assert len(data.train) + len(data.validation) + len(data.test) == 31


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n" + bytes(50)])
def test_a_file_that_is_no_image_is_corrupt_by_name(content: bytes, tmp_path: Path) -> None:
    tree(tmp_path)
    (tmp_path / "cat/broken.png").write_bytes(content)
    with pytest.raises(DataCorruptError, match=r"cat.broken\.png"):
        read(tmp_path)


def test_a_truncated_image_is_corrupt_by_name(tmp_path: Path) -> None:
    tree(tmp_path)
    victim = tmp_path / "cat/003.png"
    victim.write_bytes(victim.read_bytes()[:-40])
    with pytest.raises(DataCorruptError, match=r"cat.003\.png"):
        read(tmp_path)


def test_sixteen_bits_a_channel_are_refused_rather_than_cut_off(tmp_path: Path) -> None:
    tree(tmp_path)
    deep = np.arange(30, dtype=np.uint16).reshape(5, 6) * 1000
    Image.fromarray(deep).save(tmp_path / "ant/deep.png")
    with pytest.raises(DataCorruptError, match=r"deep\.png.*more than 8 bits"):
        read(tmp_path)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataNotFoundError, match=r"nowhere.*train/CLASS/IMAGE"):
        read(tmp_path / "nowhere")


def test_other_layouts_are_refused_with_the_right_ones(tmp_path: Path) -> None:
    (tmp_path / "flat").mkdir()
    picture(tmp_path / "flat/a.png", 1)
    tree(tmp_path / "half/train")
    tree(tmp_path / "odd/train")
    tree(tmp_path / "odd/test")
    picture(tmp_path / "odd/test/dog/a.png", 1)
    (tmp_path / "empty/a").mkdir(parents=True)
    for name, reason in {
        "flat": "no subfolders",
        "half": "neither 'test' nor 'val'",
        "odd": "a class 'dog' that the training part has not",
        "empty": "no images",
    }.items():
        with pytest.raises(DataError, match=reason):
            read(tmp_path / name)
