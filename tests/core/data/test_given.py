"""Examples given in Python: kept by their content, and read again by any later command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, TensorDataset

from ticket_hub.data import DataSet, keep, load
from ticket_hub.errors import DataCorruptError, DataError, DataNotFoundError
from ticket_hub.recipe import DataSpec

X = np.random.default_rng(3).normal(size=(60, 4))
Y = np.arange(60) % 3
TEXTS = [f"{('a fine film', 'a dull plot')[i % 2]} {i}" for i in range(60)]


class Pairs(Dataset[tuple[object, object]]):
    """A data set as its author writes it."""

    def __init__(self, draw: Callable[[int], object]) -> None:
        self.draw = draw

    def __len__(self) -> int:
        return len(Y)

    def __getitem__(self, place: int) -> tuple[object, object]:
        return self.draw(place), torch.tensor(Y[place])


def read(data: object, folder: Path, *, tokens: bool = False, **spec: object) -> DataSet:
    name = keep(data, folder, tokens=tokens)
    return load(DataSpec(name=name, validation=6, **spec), folder, fetch=None)  # type: ignore[arg-type]


def test_the_same_numbers_have_one_name_however_they_are_given(tmp_path: Path) -> None:
    x = X.astype(np.float32)
    ways: list[object] = [
        (x, Y),
        (torch.tensor(x), torch.tensor(Y)),
        (x.tolist(), Y.tolist()),
        TensorDataset(torch.tensor(x), torch.tensor(Y)),
        Pairs(lambda place: torch.tensor(x[place])),
        {"train": (x, Y)},
    ]
    assert len({keep(way, tmp_path) for way in ways}) == 1
    assert len(list((tmp_path / "given").iterdir())) == 1
    data = read((x, Y), tmp_path)
    assert (data.kind, data.input_shape, data.classes) == ("features", (4, 1, 1), 3)
    assert [len(part) for part in (data.train, data.validation, data.test)] == [42, 6, 12]
    assert keep((x + 1, Y), tmp_path) != keep((x, Y), tmp_path)


@pytest.mark.parametrize(
    ("inputs", "tokens", "kind", "shape"),
    [
        (np.zeros((60, 5, 6), np.uint8), False, "images", (1, 5, 6)),
        (np.zeros((60, 3, 5, 6), np.uint8), False, "images", (3, 5, 6)),
        (np.zeros((60, 2, 9)), False, "features", (2, 1, 9)),
        (np.zeros((60, 4)) > 0, False, "features", (4, 1, 1)),
        (np.zeros((60, 4), np.uint16), False, "features", (4, 1, 1)),
        (np.zeros((60, 9, 7, 3)), False, "features", (9, 7, 3)),
        (np.arange(120).reshape(60, 2), False, "features", (2, 1, 1)),
        (np.arange(120).reshape(60, 2), True, "tokens", (120, 1, 2)),
        ([Image.new("RGB", (6, 5))] * 60, False, "images", (3, 5, 6)),
        (TEXTS, False, "tokens", (1 << 14, 1, 4)),
        (np.array(TEXTS), False, "tokens", (1 << 14, 1, 4)),
    ],
)
def test_pictures_sequences_words_and_texts(
    inputs: object, *, tokens: bool, kind: str, shape: tuple[int, ...], tmp_path: Path
) -> None:
    data = read((inputs, Y), tmp_path, tokens=tokens)
    assert (data.kind, data.input_shape) == (kind, shape)


def test_parts_are_taken_as_they_are_and_the_rest_is_drawn(tmp_path: Path) -> None:
    held = {"train": (X, Y), "Validation": (X[:9], Y[:9])}
    data = read(held, tmp_path)
    assert [len(part) for part in (data.train, data.validation, data.test)] == [48, 9, 12]
    whole = read({**held, "test": (X[:20], Y[:20])}, tmp_path)
    assert [len(part) for part in (whole.train, whole.validation, whole.test)] == [60, 9, 20]
    named = read({"train": (X, Y), "classes": ["a", "b", "c", "d"]}, tmp_path)
    assert (named.classes, named.class_names) == (4, ("a", "b", "c", "d"))
    assert read((X, np.array(["x", "y", "z"])[Y]), tmp_path).class_names == ("x", "y", "z")


class Untold:
    """Nothing that examples could be read from."""


def noisy(place: int) -> Tensor:
    return torch.rand(4) + place


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (Untold(), "The train part is a Untold"),
        (DataLoader(Pairs(noisy)), "The train part is a DataLoader"),
        ((Pairs(noisy), Pairs(noisy)), "Several data sets were given"),
        ([Pairs(noisy), Pairs(noisy), Pairs(noisy)], "Several data sets were given"),
        ({"test": (X, Y)}, "no part 'train'"),
        ({"train": (X, Y), "extra": (X, Y)}, "a part 'extra'"),
        ((X, Y[:50]), "60 examples and 50 labels"),
        ((X, np.eye(3)[Y]), "neither whole numbers nor texts"),
        ((X, Y / 2), "neither whole numbers nor texts"),
        ((X[None, None, None], Y), "the shape"),
        ((np.zeros((60, 9, 7, 3), np.uint8), Y), "channels seem to stand last"),
        ((np.zeros((60, 28, 28, 1)), Y), "channels seem to stand last"),
        ((np.full((60, 4), 1 << 31, np.uint32), Y), "float32 cannot hold"),
        (Pairs(noisy), "another each time it is read"),
        (Pairs(lambda place: torch.zeros(1 + place % 2)), "2 shapes"),
        ({"train": (X, Y), "classes": 2}, "labels of 3 classes, and 2 are named"),
        ({"train": (X, Y), "classes": 10**9}, "cannot be 1,000,000,000 classes"),
        ((X, Y * 10**9), "go up to 2,000,000,000, of 60 examples"),
        ((["a", "b"], torch.tensor([0])), "2 examples and 1 labels"),
        ((["a", None], torch.tensor([0, 1])), "Example 1 of the train part is NoneType"),
        (([[1, 2], [3]], torch.tensor([0, 1])), "several lengths"),
        (([None, None], torch.tensor([0, 1])), "holds no numbers"),
    ],
)
def test_what_cannot_be_examples_is_refused(data: object, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        keep(data, tmp_path)


def test_a_column_of_objects_that_are_texts_is_texts(tmp_path: Path) -> None:
    texts, names = ["good film", "bad film"] * 10, ["yes", "no"] * 10
    columns = tuple(np.array(values, dtype=object) for values in (texts, names))
    assert keep(columns, tmp_path) == keep((texts, names), tmp_path)


def test_words_that_are_none_are_refused(tmp_path: Path) -> None:
    for words, message in (([None] * 2, "neither texts nor numbers"), ([[1, 2], [3]], "lengths")):
        with pytest.raises(DataError, match=message):
            keep((words, torch.tensor([0, 1])), tmp_path, tokens=True)


def test_labels_and_numbers_that_cannot_be_are_refused_when_they_are_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="labels from -1 to 1"):
        read((X, Y - 1), tmp_path)
    with pytest.raises(DataError, match="NaN or infinite"):
        read((np.where(X > 1, np.nan, X), Y), tmp_path)
    with pytest.raises(DataError, match="of one class"):
        read((X, Y * 0), tmp_path)


def test_who_lacks_the_file_or_has_another_is_told(tmp_path: Path) -> None:
    name = keep((X, Y), tmp_path)
    (file,) = (tmp_path / "given").iterdir()
    with pytest.raises(DataNotFoundError, match="were given in Python") as found:
        load(DataSpec(name=name), tmp_path / "elsewhere", fetch=None)
    assert file.name in found.value.remedy
    file.write_bytes(file.read_bytes()[:-8] + bytes(8))
    with pytest.raises(DataCorruptError, match="bytes have changed"):
        load(DataSpec(name=name), tmp_path, fetch=None)
