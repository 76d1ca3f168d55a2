"""Numbers as examples: arrays and tables from files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file

from ticket_hub.data import DataSet, adapted, load, normalized
from ticket_hub.errors import DataCorruptError, DataError, DataNotFoundError
from ticket_hub.recipe import DataSpec

Arrays = Mapping[str, NDArray[np.generic]]
GENERATOR = np.random.default_rng(7)
X = GENERATOR.normal(size=(60, 4)).astype(np.float32) * [1, 10, 100, 0]
Y = np.arange(60) % 3


def read(path: Path, **spec: object) -> DataSet:
    return load(DataSpec(name=f"arrays:{path}", validation=6, **spec), fetch=None)  # type: ignore[arg-type]


def npz(folder: Path, **arrays: NDArray[np.generic]) -> Path:
    np.savez(folder / "data.npz", **arrays)  # type: ignore[arg-type]  # numpy's stub
    return folder / "data.npz"


def safetensors(folder: Path, **arrays: NDArray[np.generic]) -> Path:
    save_file(dict(arrays), folder / "data.safetensors")
    return folder / "data.safetensors"


def npy(folder: Path, **arrays: NDArray[np.generic]) -> Path:
    for name, values in arrays.items():
        np.save(folder / f"{name}.npy", values)
    return folder


@pytest.mark.parametrize("write", [npz, safetensors, npy])
def test_files_of_arrays_are_read_alike(write: Callable[..., Path], tmp_path: Path) -> None:
    data = read(write(tmp_path, x=X.astype(np.float32), y=Y))
    assert (data.kind, data.input_shape, data.classes) == ("features", (4, 1, 1), 3)
    assert [len(part) for part in (data.train, data.validation, data.test)] == [42, 6, 12]
    assert torch.bincount(data.test.labels).tolist() == [4, 4, 4]
    rows = torch.cat([part.inputs for part in (data.train, data.validation, data.test)])
    expected = sorted(map(tuple, X.astype(np.float32).tolist()))
    assert sorted(map(tuple, rows.flatten(1).tolist())) == expected
    assert data.fingerprint == read(write(tmp_path, x=X.astype(np.float32), y=Y)).fingerprint


def test_columns_are_normalized_by_their_own_mean_and_spread(tmp_path: Path) -> None:
    data = read(npz(tmp_path, x=X, y=Y), normalize="standard")
    values = normalized(data.train.inputs, data).flatten(1).double()
    assert values.mean(0).abs().max() < 1e-6
    assert torch.allclose(values.std(0, correction=0)[:3], torch.ones(3).double(), atol=1e-6)
    assert not values[:, 3].any(), "a column without contrast becomes 0"
    plain = read(npz(tmp_path, x=X, y=Y))
    assert torch.equal(normalized(plain.train.inputs, plain), plain.train.inputs)


def test_parts_are_taken_as_they_stand_in_either_spelling(tmp_path: Path) -> None:
    arrays = {"x_train": X[:40], "y_train": Y[:40], "val_x": X[40:50], "val_y": Y[40:50]}
    data = read(npz(tmp_path, **arrays, test_x=X[50:], test_y=Y[50:]))
    assert [len(part) for part in (data.train, data.validation, data.test)] == [40, 10, 10]
    assert torch.equal(data.test.inputs.flatten(1), torch.from_numpy(X[50:]).float())


def test_bytes_are_pixels(tmp_path: Path) -> None:
    grey = GENERATOR.integers(0, 256, (30, 5, 6), dtype=np.uint8)
    data = read(npz(tmp_path, x=grey, y=Y[:30]))
    assert (data.kind, data.input_shape) == ("images", (1, 5, 6))


def test_a_table_has_a_line_of_names_and_a_column_of_labels(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    lines = [f"{a:.3f},{['cow', 'bee'][k % 2]},{b}" for k, (a, b, *_) in enumerate(X.tolist())]
    file.write_text("height,Class,weight\n" + "\n".join(lines) + "\n")
    data = read(file)
    assert (data.class_names, data.input_shape) == (("bee", "cow"), (2, 1, 1))
    rows = torch.cat([data.train.inputs, data.validation.inputs, data.test.inputs]).flatten(1)
    assert sorted(rows[:, 1].tolist()) == sorted(X[:, 1].astype(np.float32).tolist())


def test_without_a_name_the_last_column_is_the_label(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("a,b\n" + "".join(f"{i},{i % 2}\n" for i in range(40)))
    assert read(file).classes == 2


BROKEN: dict[str, tuple[Arrays, str]] = {
    "nan": ({"x": np.where(np.arange(240).reshape(60, 4) == 9, np.nan, X), "y": Y}, "NaN or inf"),
    "no labels": ({"x": X}, "no 'y'"),
    "too few labels": ({"x": X, "y": Y[:50]}, "60 examples in 'x' and 50 labels"),
    "labels of another shape": ({"x": X, "y": np.eye(3)[Y]}, "neither whole numbers nor texts"),
    "numbers to predict": ({"x": X, "y": X[:, 0]}, "neither whole numbers nor texts"),
    "negative labels": ({"x": X, "y": Y - 1}, "labels from -1"),
    "large integers": ({"x": np.full((60, 2), 2**40), "y": Y}, "float32 cannot hold"),
    "one axis": ({"x": X[:, 0], "y": Y}, "the shape (60,)"),
    "texts": ({"x": np.array([["a", "b"]] * 60), "y": Y}, "holds no numbers"),
    "a whole beside a part": (
        {"x": X, "y": Y, "test_x": X[:9], "test_y": Y[:9]},
        "has both 'x' and 'test_x'",
    ),
    "unlike parts": (
        {"train_x": X[:40], "train_y": Y[:40], "test_x": X[40:, :2], "test_y": Y[40:]},
        "training features of shape (4, 1, 1)",
    ),
}


@pytest.mark.parametrize(("arrays", "message"), BROKEN.values(), ids=BROKEN)
def test_what_cannot_be_learned_from_is_refused(
    arrays: Arrays, message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError) as caught:
        read(npz(tmp_path, **arrays))
    assert message in caught.value.problem
    assert caught.value.remedy


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataNotFoundError):
        read(tmp_path / "none.npz")
    (tmp_path / "cut.npz").write_bytes(npz(tmp_path, x=X, y=Y).read_bytes()[:200])
    (tmp_path / "cut.safetensors").write_bytes(b"\0" * 30)
    (tmp_path / "uneven.csv").write_text("a,b\n1,2\n3\n")
    (tmp_path / "words.csv").write_text("a,b\n1,0\nred,1\n")
    (tmp_path / "empty.csv").write_text("")
    np.savez(tmp_path / "objects.npz", x=np.array([{}], dtype=object), y=Y[:1])
    for name in (
        "cut.npz",
        "cut.safetensors",
        "uneven.csv",
        "words.csv",
        "empty.csv",
        "objects.npz",
    ):
        with pytest.raises(DataCorruptError):
            read(tmp_path / name)
    with pytest.raises(DataError, match="no file of arrays"):
        read(Path(__file__))


@pytest.mark.parametrize("change", [{"flip": True}, {"crop": 1}, {"size": 8}])
def test_numbers_are_not_prepared_as_images(change: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is for images"):
        read(npz(tmp_path, x=X, y=Y), **change)


def test_other_columns_fit_no_network(tmp_path: Path) -> None:
    data = read(npz(tmp_path, x=X, y=Y))
    assert adapted(data, channels=4, height=1, width=1) is data
    with pytest.raises(DataError, match="its columns"):
        adapted(data, channels=5, height=1, width=1)
