"""A folder of images, one subfolder for each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from ticket_hub.data.dataset import Part, Published
from ticket_hub.data.image_files import ClassFiles, LeftOut, entries, find_images
from ticket_hub.data.listing import LISTINGS, Files, Listing
from ticket_hub.data.overlaps import overlaps
from ticket_hub.data.pictures import read_picture, stacked
from ticket_hub.data.registry import DATASETS
from ticket_hub.data.splitting import published_parts, test_fifth
from ticket_hub.errors import DataCorruptError, DataError, DataNotFoundError
from ticket_hub.home import expanded
from ticket_hub.recipe import DataSpec

__all__ = ["read_folder", "read_listing"]

TRAINING = ("train", "training")
VALIDATION = ("val", "valid", "validation")
TEST = ("test", "testing")
LAYOUT = (
    "Lay it out as train/CLASS/IMAGE with test/CLASS/IMAGE or val/CLASS/IMAGE beside it, or as "
    "CLASS/IMAGE alone."
)


@DATASETS.register(r"(?s)folder:.+", examples=["folder:PATH"])
def folder(spec: DataSpec) -> Published:
    """Images of the user's own: see `read_folder`."""
    path = Path(spec.name.removeprefix("folder:"))
    return read_folder(path, size=spec.size, split_seed=spec.split_seed)


@LISTINGS.register(r"(?s)folder:.+", examples=["folder:PATH"])
def list_folder(spec: DataSpec) -> Listing:
    """Images of the user's own, by their files: see `read_folder`."""
    return _listed(expanded(Path(spec.name.removeprefix("folder:"))))[0]


def read_folder(path: Path, *, size: int, split_seed: int) -> Published:
    """Read images whose subfolder names their class; classes are numbered in the order of names.

    - `train/`, `val/` and `test/` (`valid` and `validation` are taken for `val`, `training` and
      `testing` for the others, in capitals or not): as they stand.
    - `train/` and `test/`: validation examples are held out of the training part.
    - `train/` and `val/`: `val/` is the test part, as ImageNet does it; validation examples are
      held out of the training part.
    - Neither: the whole tree is one; a fifth of every class, drawn by `split_seed`, is the test
      part.

    What is left out, and images that are the same in two parts, are told in the notes.

    Args:
        size: of the square that every image is scaled to; 0 demands images of one size.

    Raises:
        DataNotFoundError: there is no such folder.
        DataCorruptError: a file is no image of 8 bits a channel.
        DataError: the folder is laid out otherwise, or the sizes of the images differ.
    """
    path = expanded(path)
    listing, left_out = _listed(path)
    read = _read(listing.parts, path, size, left_out)
    published = published_parts(read, listing.class_names, split_seed)
    shown = [[str(file.relative_to(path)) for file, _ in files] for files in listing.parts]
    if len(read) == 1:  # which `overlaps` sees by part
        places = test_fifth(read[0].labels, len(listing.class_names), split_seed)
        read = [published.train, published.test]
        shown = [[shown[0][place] for place in part] for part in places]
    seen = set(read[-1].labels.tolist())
    missing = [name for number, name in enumerate(listing.class_names) if number not in seen]
    told = [*overlaps(read, shown)]
    if missing:
        told.append(f"The test part has no image of {', '.join(missing)}.")
    return replace(published, notes=(*left_out.sentences(), *told))


def read_listing(listing: Listing, source: str, spec: DataSpec) -> Published:
    """All pictures of a listing as pixels.

    Raises:
        DataCorruptError: a file is no image of 8 bits a channel.
        DataError: the sizes of the images differ, and the recipe names none.
    """
    left_out = LeftOut(Path(source))
    read = _read(listing.parts, Path(source), spec.size, left_out)
    published = published_parts(read, listing.class_names, spec.split_seed)
    return replace(published, notes=(*listing.notes, *left_out.sentences()))


def _listed(path: Path) -> tuple[Listing, LeftOut]:
    if not path.is_dir():
        raise DataNotFoundError(f"There is no folder {path}.", LAYOUT)
    left_out = LeftOut(path)
    parts = _parts(path, left_out)
    found = find_images(path, parts, left_out)
    classes = _classes(parts[0], found[0])
    listed = [_numbered(part, files, classes) for part, files in zip(parts, found, strict=True)]
    notes = tuple(left_out.sentences())
    return Listing(parts=listed, class_names=tuple(classes), notes=notes), left_out


def _parts(path: Path, left_out: LeftOut) -> list[Path]:
    """The folders of the parts: training, then validation if all three are there, then test."""
    folders = [path / entry.name for entry in entries(path) if entry.is_dir()]
    train, held, test = (_part(folders, names) for names in (TRAINING, VALIDATION, TEST))
    if train is None:
        _refuse_misspelt_parts(path, folders)
        return [path]
    if not held and not test:
        raise DataError(f"{path} has a folder {train.name!r} but neither 'test' nor 'val'.", LAYOUT)
    parts = [part for part in (train, held, test) if part]
    for entry in entries(path):
        if path / entry.name not in parts:
            left_out.add("files and folders beside those of the parts", path / entry.name)
    return parts


def _part(folders: Sequence[Path], names: Sequence[str]) -> Path | None:
    """The one folder of these names, in capitals or not."""
    found = [folder for folder in folders if folder.name.lower() in names]
    if len(found) > 1:
        raise DataError(
            f"{found[0].parent} has both {found[0].name!r} and {found[1].name!r}, which name the "
            "same part.",
            "Put them into one folder, or rename the one that is not meant.",
        )
    return found[0] if found else None


def _refuse_misspelt_parts(path: Path, folders: Sequence[Path]) -> None:
    """A folder of classes beside others whose name begins like that of a part is no class."""
    for folder in folders:
        begins = folder.name.lower().startswith(("train", "test", "val"))
        inside = entries(folder) if begins else []
        if inside and all(e.is_dir() or e.name.startswith(".") for e in inside):
            raise DataError(
                f"{path} has a folder {folder.name!r}, which holds folders and no images: it "
                "looks like a part of the data set rather than like a class.",
                f"Name the parts train, val and test. {LAYOUT}",
            )


def _classes(folder: Path, found: ClassFiles) -> dict[str, int]:
    if not found:
        has_folders = any(entry.is_dir() for entry in entries(folder))
        lacking = "images in its subfolders" if has_folders else "subfolders that name classes"
        raise DataError(f"{folder} has no {lacking}.", LAYOUT)
    return {name: number for number, name in enumerate(sorted(found))}


def _numbered(folder: Path, found: ClassFiles, classes: dict[str, int]) -> Files:
    for stranger in sorted(found):
        if stranger not in classes:
            like = [name for name in classes if name.casefold() == stranger.casefold()]
            only = f", only {like[0]!r}" if like else ""
            raise DataError(
                f"{folder} has a class {stranger!r} that the training part has not{only}.", LAYOUT
            )
    return [(file, number) for name, number in classes.items() for file in found.get(name, [])]


def _read(parts: Sequence[Files], path: Path, size: int, left_out: LeftOut) -> list[Part]:
    """All parts at once, so that one image in colour makes every part one of colour."""
    pictures = (_picture(file, size, left_out) for files in parts for file, _ in files)
    images = stacked(pictures, str(path))
    numbers = [torch.tensor([n for _, n in files], dtype=torch.int64) for files in parts]
    chunks = images.split([len(files) for files in parts])
    return [Part(inputs=i, labels=n) for i, n in zip(chunks, numbers, strict=True)]


def _picture(file: Path, size: int, left_out: LeftOut) -> Tensor:
    try:
        picture, frames = read_picture(file, size)
    except ValueError as error:
        raise DataCorruptError(
            f"{file} cannot be read as an image: {error}.", "Mend or delete the file."
        ) from error
    if frames > 1:
        left_out.add("all but the first frame or page of animations and documents", file)
    return picture
