"""ImageNet, its smaller forms, and Places365, as their authors lay them out."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ticket_hub.data.array_pickles import unpickled
from ticket_hub.data.dataset import Part, Published
from ticket_hub.data.dataset_files import DatasetFiles
from ticket_hub.data.folder import read_listing
from ticket_hub.data.image_files import LeftOut, entries, find_images
from ticket_hub.data.listing import LISTINGS, Files, Listing
from ticket_hub.data.registry import register_dataset
from ticket_hub.errors import DataError, DataNotFoundError
from ticket_hub.recipe import DataSpec

IMAGENET_IMAGES = (1_281_167, 50_000)
PLACES_LISTS = ("places365_train_standard.txt", "places365_val.txt")
PLACES_CATEGORIES = "categories_places365.txt"
WORDNET = re.compile(r"n\d{8}")
BATCHES = 10
SIDE = 64
KEYS = ("data", "labels")


@LISTINGS.register("imagenet")
def list_imagenet(root: Path) -> Listing:
    """ILSVRC 2012: `imagenet/train/WNID/*` and `imagenet/val/WNID/*`, as torchvision unpacks it.

    1,281,167 + 50,000 pictures of 1,000 classes, in the order of their WordNet numbers. The
    validation part, whose labels are public, is the test part here.
    """
    folder = root / "imagenet"
    parts = [folder / "train", folder / "val"]
    _require(
        "imagenet",
        parts,
        "Unpack ILSVRC2012_img_train.tar and ILSVRC2012_img_val.tar there, with a folder for each "
        "class in both, as torchvision.datasets.ImageNet does.",
    )
    names = tuple(sorted(e.name for e in entries(parts[0]) if WORDNET.fullmatch(e.name)))
    left_out = LeftOut(folder)
    found = find_images(folder, parts, left_out)
    classes = {name: number for number, name in enumerate(names)}
    listed = [
        [(file, classes[name]) for name in sorted(part) if name in classes for file in part[name]]
        for part in found
    ]
    counts = tuple(map(len, listed))
    published = "1,281,167 and 50,000 as published."
    found_here = f"imagenet has {counts[0]:,} training and {counts[1]:,} validation pictures here"
    notes = () if counts == IMAGENET_IMAGES else (f"{found_here}, and {published}",)
    return Listing(parts=listed, class_names=names, notes=(*left_out.sentences(), *notes))


@register_dataset("imagenet")
def imagenet() -> Published:
    """ImageNet does not fit into memory.

    Raises:
        DataError: always; the remedy says how it is used.
    """
    raise DataError(
        "imagenet does not fit into memory.",
        "Pack it once with `ticket data pack imagenet --short-side 256`, and set data.storage = "
        "'disk', data.short_side = 256 and data.size = 224.",
    )


@LISTINGS.register("places365")
def list_places365(files: DatasetFiles) -> Listing:
    """Places365-Standard, small pictures: `places365/` as torchvision.datasets.Places365 has it.

    1,803,460 + 36,500 pictures of 365 classes, by the published lists, whose digests are known.
    """
    names = [f"places365/{name}" for name in (PLACES_CATEGORIES, *PLACES_LISTS)]
    folder = files.root / "places365"
    pictures = [folder / "data_256_standard", folder / "val_256"]
    files.require(*names)
    _require("places365", pictures, "Unpack the archives of small pictures there.")
    rows = []
    for name in names:
        text = files.read(name)
        with files.parsing(name):
            pairs = [line.rsplit(" ", 1) for line in text.decode().splitlines() if line.strip()]
            rows.append([(place.strip("/"), int(number)) for place, number in pairs])
    categories = tuple(place for place, _ in sorted(rows[0], key=lambda row: row[1]))
    parts: list[Files] = [
        [(images / place, number) for place, number in listed]
        for images, listed in zip(pictures, rows[1:], strict=True)
    ]
    return Listing(parts=parts, class_names=categories)


@register_dataset("places365")
def places365() -> Published:
    """Places365 does not fit into memory.

    Raises:
        DataError: always; the remedy says how it is used.
    """
    raise DataError(
        "places365 does not fit into memory.",
        "Pack it once with `ticket data pack places365`, and set data.storage = 'disk' and "
        "data.size = 224.",
    )


@LISTINGS.register("tiny-imagenet")
def list_tiny_imagenet(files: DatasetFiles) -> Listing:
    """Tiny ImageNet: `tiny-imagenet-200/` as its archive unpacks.

    100,000 + 10,000 pictures of 64x64 of 200 classes (Stanford CS231n). The validation part is the
    test part here, since that of the authors has no labels.
    """
    place = "tiny-imagenet-200"
    files.require(f"{place}/wnids.txt", f"{place}/val/val_annotations.txt")
    folder = files.root / place
    names = tuple(sorted(files.read(f"{place}/wnids.txt").decode().split()))
    classes = {name: number for number, name in enumerate(names)}
    train: Files = []
    for name, number in classes.items():
        images = folder / "train" / name / "images"
        _require("tiny-imagenet", [images], "Unpack tiny-imagenet-200.zip there.")
        train += [(images / e.name, number) for e in entries(images) if e.name.endswith(".JPEG")]
    annotations = f"{place}/val/val_annotations.txt"
    text = files.read(annotations).decode()
    with files.parsing(annotations):
        rows = [line.split("\t")[:2] for line in text.splitlines() if line.strip()]
        test = [(folder / "val/images" / file, classes[name]) for file, name in rows]
    return Listing(parts=[train, test], class_names=names)


@register_dataset("tiny-imagenet")
def tiny_imagenet(files: DatasetFiles, spec: DataSpec) -> Published:
    """100,000 + 10,000 colour images of 64x64, 200 classes (Stanford CS231n)."""
    listing = list_tiny_imagenet(files)
    return read_listing(listing, str(files.root / "tiny-imagenet-200"), spec)


@register_dataset("imagenet-64")
def imagenet_64(files: DatasetFiles) -> Published:
    """1,281,167 + 50,000 colour images of 64x64, 1,000 classes (Chrabaszcz et al. 2017).

    `imagenet-64/train_data_batch_1` to `_10` and `val_data`, pickled or as .npz. The files number
    classes from 1. All pixels are 16 GB.
    """
    names = [f"train_data_batch_{number}" for number in range(1, BATCHES + 1)]
    places = [_one_of(files, f"imagenet-64/{name}") for name in [*names, "val_data"]]
    files.require(*places)
    parts = [_downsampled(files, place) for place in places]
    test = parts.pop()
    # Each part is given up when it is copied, so that none is there twice.
    labels = torch.cat([part.labels for part in parts])
    images: Tensor = torch.empty(len(labels), 3, SIDE, SIDE, dtype=torch.uint8)
    place = 0
    while parts:
        part = parts.pop(0)
        images[place : place + len(part)] = part.inputs
        place += len(part)
    return Published(train=Part(inputs=images, labels=labels), test=test, classes=1000)


def _one_of(files: DatasetFiles, place: str) -> str:
    packed = f"{place}.npz"
    return place if files.missing(packed) else packed


def _downsampled(files: DatasetFiles, place: str) -> Part:
    data = files.read(place)
    with files.parsing(place):
        if place.endswith(".npz"):
            with np.load(io.BytesIO(data), allow_pickle=False) as table:
                pixels, labels = table["data"], table["labels"]
        else:
            found = unpickled(data)
            table = {
                str(key, "ascii") if isinstance(key, bytes) else key: found[key] for key in found
            }
            pixels, labels = table["data"], table["labels"]
        images = torch.from_numpy(np.asarray(pixels, np.uint8).reshape(-1, 3, SIDE, SIDE))
        numbers = torch.from_numpy(np.asarray(labels, np.int64)) - 1
        if len(images) != len(numbers):
            raise ValueError(f"it has {len(numbers)} labels for {len(images)} images")
        return Part(inputs=images, labels=numbers)


def _require(name: str, folders: Sequence[Path], remedy: str) -> None:
    missing = [str(folder) for folder in folders if not folder.is_dir()]
    if missing:
        raise DataNotFoundError(
            f"The data set {name!r} is not here: there is no {missing[0]}.",
            f"{remedy} Name the folder of the data sets with --data-dir or TICKET_DATA.",
        )
