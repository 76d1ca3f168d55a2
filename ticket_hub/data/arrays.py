"""Numbers from files: arrays of inputs and labels, or a table with one row for each example."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ticket_hub.data.dataset import Part, Published
from ticket_hub.data.registry import DATASETS
from ticket_hub.data.splitting import numbered, published_parts
from ticket_hub.errors import DataCorruptError, DataError, DataNotFoundError
from ticket_hub.home import expanded
from ticket_hub.recipe import DataSpec
from ticket_hub.shapes import Shaped

__all__ = ["read_arrays", "to_inputs"]

LABEL_COLUMNS = ("label", "class", "target", "y")
LAYOUT = (
    "Give an .npz or .safetensors file or a folder of .npy files with x and y, or with train_x, "
    "train_y, test_x and test_y (and val_x, val_y); or a .csv file with a first line of names and "
    "a column 'label'."
)
PIXEL_CHANNELS = range(1, 5)
"""Of pictures: grey and colours, each with or without transparency."""
MAX_EXACT = 1 << 24
"""Whole numbers up to this size are exact as float32."""


@DATASETS.register(r"(?s)arrays:.+", examples=["arrays:PATH"])
def arrays(spec: DataSpec) -> Published:
    """Numbers of the user's own: see `read_arrays`."""
    return read_arrays(Path(spec.name.removeprefix("arrays:")), split_seed=spec.split_seed)


def read_arrays(path: Path, *, split_seed: int) -> Published:
    """Read inputs `x` and labels `y` from an .npz, .safetensors or .csv file, or a folder of .npy.

    Without parts, a fifth of every class, drawn by `split_seed`, is the test part.

    Shapes:
        `x`: `(examples, columns)`, `(examples, channels, length)` or `(examples, channels, height,
        width)`; uint8 are pixels (also `(examples, height, width)`), other numbers become float32.
        `y`: `(examples,)`, whole numbers from 0, or texts, which are numbered in the order of
        their names.

    Raises:
        DataNotFoundError: there is no such file or folder.
        DataCorruptError: it cannot be read as what its name says.
        DataError: arrays are missing, or cannot be inputs and labels.
    """
    path = expanded(path)
    if not path.exists():
        raise DataNotFoundError(f"There is no file or folder {path}.", LAYOUT)
    readers: dict[str, Callable[[Path], Mapping[str, NDArray[np.generic]]]] = {
        "": _read_folder,
        ".npz": _read_npz,
        ".safetensors": _read_safetensors,
        ".csv": _read_table,
    }
    ending = "" if path.is_dir() else path.suffix.lower()
    if ending not in readers:
        raise DataError(f"{path} is no file of arrays by its name.", LAYOUT)
    try:
        arrays = {_key(name): values for name, values in readers[ending](path).items()}
    except (ValueError, OSError, KeyError, EOFError, BadZipFile) as error:
        raise DataCorruptError(
            f"{path} cannot be read: {str(error).splitlines()[0] if str(error) else 'cut off'}.",
            LAYOUT,
        ) from error
    return _published(arrays, str(path), split_seed)


def to_inputs(
    values: NDArray[np.generic] | Tensor, where: str
) -> Shaped[Tensor, "examples channels height width"]:
    """Inputs of examples as `Part` takes them: uint8 or float32, with four axes.

    Raises:
        DataError: they are no numbers, have another number of axes, are whole numbers that float32
            cannot hold, or have their channels last, as pictures of many libraries do.
    """
    try:
        inputs = torch.as_tensor(values)
    except TypeError as error:
        raise DataError(
            f"{where} holds no numbers.", "Give numbers, one row an example."
        ) from error
    if inputs.dtype == torch.uint8:
        inputs = inputs.unsqueeze(1) if inputs.ndim == 3 else inputs  # noqa: PLR2004 - grey images
    elif inputs.dtype != torch.float32:
        whole = not (inputs.is_floating_point() or inputs.is_complex())
        # As float64, since truth values and unsigned numbers have no size of their own in torch.
        large = whole and inputs.numel() and inputs.double().abs().max() > MAX_EXACT
        if inputs.is_complex() or large:
            raise DataError(
                f"{where} holds {inputs.dtype} numbers that float32 cannot hold.",
                "Scale them, or give them as float32.",
            )
        inputs = inputs.float()
    if inputs.ndim == 2:  # noqa: PLR2004 - examples, columns
        inputs = inputs[:, :, None, None].float()
    if inputs.ndim == 3:  # noqa: PLR2004 - examples, channels, length
        inputs = inputs[:, :, None]
    if inputs.ndim != 4 or not inputs[:1].numel():  # noqa: PLR2004 - n, c, h, w
        raise DataError(
            f"{where} has the shape {tuple(inputs.shape)}.",
            "Inputs are (examples, columns), (examples, channels, length) or (examples, channels, "
            "height, width).",
        )
    if _channels_last(inputs):
        raise DataError(
            f"{where} has the shape {tuple(inputs.shape)}: its channels seem to stand last.",
            "Inputs are (examples, channels, height, width): give x.transpose(0, 3, 1, 2) of an "
            "array, or x.permute(0, 3, 1, 2) of a tensor.",
        )
    return inputs.contiguous()


def _channels_last(inputs: Tensor) -> bool:
    """Whether numbers are pictures as (examples, height, width, channels), by their shape."""
    _, first, second, last = inputs.shape
    if inputs.dtype == torch.uint8:
        return first not in PIXEL_CHANNELS and last in PIXEL_CHANNELS
    return first == second > max(PIXEL_CHANNELS) and last in {1, 3}


def _key(name: str) -> str:
    """`x_train` and `train_x` are the same, in capitals or not."""
    first, _, second = name.lower().partition("_")
    return f"{second}_{first}" if first in {"x", "y"} and second else name.lower()


def _read_npz(path: Path) -> Mapping[str, NDArray[np.generic]]:
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def _read_folder(path: Path) -> Mapping[str, NDArray[np.generic]]:
    return {file.stem: np.load(file, allow_pickle=False) for file in sorted(path.glob("*.npy"))}


def _read_safetensors(path: Path) -> Mapping[str, NDArray[np.generic]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(str(error)) from error


def _read_table(path: Path) -> Mapping[str, NDArray[np.generic]]:
    """Columns of numbers, and one of labels: `label`, `class`, `target` or `y`, or the last."""
    with path.open(newline="", encoding="utf-8-sig") as stream:
        names, *rows = csv.reader(stream)
    lengths = {len(row) for row in rows}
    if lengths != {len(names)}:
        found = next(i for i, row in enumerate(rows) if len(row) != len(names)) if rows else 0
        raise ValueError(
            f"row {found + 1} has other columns than the {len(names)} of the first line"
        )
    lower = [name.strip().lower() for name in names]
    place = next((lower.index(name) for name in LABEL_COLUMNS if name in lower), len(names) - 1)
    labels = [row.pop(place).strip() for row in rows]
    del names[place]
    try:
        numbers = np.array(rows, dtype=np.float32)
    except ValueError:
        raise ValueError(_first_text(names, rows)) from None
    whole = all(label.isdecimal() for label in labels)
    return {"x": numbers, "y": np.array([int(label) for label in labels] if whole else labels)}


def _first_text(names: list[str], rows: Iterable[list[str]]) -> str:
    for number, row in enumerate(rows):
        for name, value in zip(names, row, strict=True):
            try:
                float(value)
            except ValueError:
                return f"{value[:40]!r} in column {name[:40]!r} of row {number + 1} is no number"
    return "it holds something else than numbers"


def _published(arrays: Mapping[str, NDArray[np.generic]], where: str, split_seed: int) -> Published:
    wanted = [["x", "y"]] if "x" in arrays else [[f"{p}_x", f"{p}_y"] for p in ("train", "test")]
    if "val_x" in arrays:
        wanted.insert(1, ["val_x", "val_y"])
    both = sorted({"train_x", "val_x", "test_x"} & arrays.keys()) if "x" in arrays else []
    if both:
        raise DataError(f"{where} has both 'x' and {both[0]!r}.", LAYOUT)
    missing = [name for pair in wanted for name in pair if name not in arrays]
    if missing:
        raise DataError(
            f"{where} has no {missing[0]!r}; it has {', '.join(sorted(arrays)[:10]) or 'nothing'}.",
            LAYOUT,
        )
    inputs = [to_inputs(arrays[x], f"{x} of {where}") for x, _ in wanted]
    labels, names = numbered([arrays[y] for _, y in wanted], where)
    for (x, y), values, numbers in zip(wanted, inputs, labels, strict=True):
        if len(values) != len(numbers):
            raise DataError(
                f"{where} has {len(values)} examples in {x!r} and {len(numbers)} labels in {y!r}.",
                "Give each example one label.",
            )
    parts = [Part(inputs=x, labels=y) for x, y in zip(inputs, labels, strict=True)]
    return published_parts(parts, names, split_seed)
