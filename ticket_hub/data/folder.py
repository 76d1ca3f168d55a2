"""A folder of images, one subfolder for each class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor

from ticket_hub.data.dataset import Part, Published
from ticket_hub.data.pictures import pixels, stacked
from ticket_hub.errors import DataCorruptError, DataError, DataNotFoundError
from ticket_hub.types import derive_seed

__all__ = ["read_folder", "test_fifth"]

Files: TypeAlias = list[tuple[Path, int]]

SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
TRAINING = "train"
VALIDATION = ("val", "valid", "validation")
TEST = "test"
LAYOUT = (
    "Lay it out as train/CLASS/IMAGE with test/CLASS/IMAGE or val/CLASS/IMAGE beside it, or as "
    "CLASS/IMAGE alone."
)


def read_folder(path: Path, *, size: int, split_seed: int) -> Published:
    """Read images whose subfolder names their class; classes are numbered in the order of names.

    - `train/`, `val/` and `test/` (`valid` and `validation` are taken for `val`): as they stand.
    - `train/` and `test/`: validation examples are held out of the training part.
    - `train/` and `val/`: `val/` is the test part, as ImageNet does it; validation examples are
      held out of the training part.
    - Neither: the whole tree is one; a fifth of every class, drawn by `split_seed`, is the test
      part.

    Args:
        size: of the square that every image is scaled to; 0 demands images of one size.

    Raises:
        DataNotFoundError: there is no such folder.
        DataCorruptError: a file is no image of 8 bits a channel.
        DataError: the folder is laid out otherwise, or the sizes of the images differ.
    """
    path = path.expanduser()
    if not path.is_dir():
        raise DataNotFoundError(f"There is no folder {path}.", LAYOUT)
    parts = _parts(path)
    classes = _classes(parts[0])
    named = tuple(classes)
    listed = [_files(part, classes) for part in parts]
    if len(parts) == 1:
        listed = _split(listed[0], len(classes), split_seed)
    read = _read([files for files in listed if files is not None], path, size)
    train, test = read[0], read[-1]
    held = read[1] if len(read) > 2 else None  # noqa: PLR2004 - train, validation, test
    return Published(train=train, test=test, validation=held, classes=len(named), class_names=named)


def test_fifth(labels: Tensor, classes: int, split_seed: int) -> tuple[list[int], list[int]]:
    """Indices of the training and the test part: a fifth of every class, drawn by seed."""
    generator = torch.Generator().manual_seed(derive_seed(split_seed, "test"))
    test: set[int] = set()
    for number in range(classes):
        members = torch.nonzero(labels == number).flatten()
        order = torch.randperm(len(members), generator=generator)
        test.update(members[order[: round(len(members) / 5)]].tolist())
    return [i for i in range(len(labels)) if i not in test], sorted(test)


def _parts(path: Path) -> list[Path]:
    """The folders of the parts: training, then validation if all three are there, then test."""
    if not (path / TRAINING).is_dir():
        return [path]
    held = [path / name for name in VALIDATION if (path / name).is_dir()][:1]
    tests = [path / TEST] if (path / TEST).is_dir() else []
    if not held and not tests:
        raise DataError(f"{path} has a folder 'train' but neither 'test' nor 'val'.", LAYOUT)
    return [path / TRAINING, *held, *tests]


def _classes(folder: Path) -> dict[str, int]:
    names = sorted(entry.name for entry in _visible(folder) if entry.is_dir())
    if not names:
        raise DataError(f"{folder} has no subfolders that name classes.", LAYOUT)
    return {name: number for number, name in enumerate(names)}


def _files(folder: Path, classes: dict[str, int]) -> Files:
    strangers = sorted({e.name for e in _visible(folder) if e.is_dir()} - set(classes))
    if strangers:
        raise DataError(
            f"{folder} has a class {strangers[0]!r} that the training part has not.", LAYOUT
        )
    return [
        (file, number)
        for name, number in classes.items()
        for file in sorted(_images(folder / name))
    ]


def _images(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        return
    for entry in _visible(folder):
        if entry.is_dir():
            yield from _images(entry)
        elif entry.suffix.lower() in SUFFIXES:
            yield entry


def _visible(folder: Path) -> Iterator[Path]:
    return (entry for entry in folder.iterdir() if not entry.name.startswith("."))


def _split(files: Files, classes: int, split_seed: int) -> list[Files]:
    labels = torch.tensor([number for _, number in files], dtype=torch.int64)
    return [[files[i] for i in part] for part in test_fifth(labels, classes, split_seed)]


def _read(parts: Sequence[Files], path: Path, size: int) -> list[Part]:
    """All parts at once, so that one image in colour makes every part one of colour."""
    images = stacked((_picture(file, size) for files in parts for file, _ in files), str(path))
    numbers = [torch.tensor([n for _, n in files], dtype=torch.int64) for files in parts]
    chunks = images.split([len(files) for files in parts])
    return [Part(images=i, labels=n) for i, n in zip(chunks, numbers, strict=True)]


def _picture(file: Path, size: int) -> Tensor:
    from PIL import Image

    try:
        with Image.open(file) as image:
            return pixels(image, size)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataCorruptError(
            f"{file} cannot be read as an image: {error}.", "Mend or delete the file."
        ) from error
