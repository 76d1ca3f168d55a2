"""Readers of the published data sets: bytes of torchvision's files to tensors."""

from __future__ import annotations

import bz2
import io
import math
import string
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ticket_hub.data.array_pickles import unpickled
from ticket_hub.data.dataset import Part, Published
from ticket_hub.data.dataset_files import DatasetFiles
from ticket_hub.data.registry import register_dataset
from ticket_hub.errors import DataNotFoundError

DIGITS = tuple(string.digits)
CLOTHES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
USPS_SIDE = 16
CIFAR_SHAPE = (3, 32, 32)
IDX_UINT8 = 0x08


@register_dataset("mnist")
def mnist(files: DatasetFiles) -> Published:
    """60,000 + 10,000 grey images of 28x28 (LeCun et al. 1998)."""
    train, test = _idx_parts(files, "MNIST/raw/train", "MNIST/raw/t10k")
    return Published(train=train, test=test, classes=10, class_names=DIGITS)


@register_dataset("fashion-mnist")
def fashion_mnist(files: DatasetFiles) -> Published:
    """60,000 + 10,000 grey images of 28x28 (Xiao et al. 2017)."""
    train, test = _idx_parts(files, "FashionMNIST/raw/train", "FashionMNIST/raw/t10k")
    return Published(train=train, test=test, classes=10, class_names=CLOTHES)


@register_dataset("emnist-letters")
def emnist_letters(files: DatasetFiles) -> Published:
    """124,800 + 20,800 grey images of 28x28, upper and lower case as one class (Cohen et al. 2017).

    The files hold each image transposed and number the letters from 1; here images are upright
    and `a` is 0.
    """
    place = "EMNIST/raw/emnist-letters"
    parts = [
        Part(inputs=part.inputs.mT.contiguous(), labels=part.labels - 1)
        for part in _idx_parts(files, f"{place}-train", f"{place}-test")
    ]
    names = tuple(string.ascii_lowercase)
    return Published(train=parts[0], test=parts[1], classes=26, class_names=names)


@register_dataset("cifar10")
def cifar10(files: DatasetFiles) -> Published:
    """50,000 + 10,000 colour images of 32x32 (Krizhevsky 2009)."""
    batches = [f"data_batch_{number}" for number in range(1, 6)]
    places = [f"cifar-10-batches-py/{file}" for file in [*batches, "test_batch", "batches.meta"]]
    return _cifar(files, places, "label")


@register_dataset("cifar100")
def cifar100(files: DatasetFiles) -> Published:
    """50,000 + 10,000 colour images of 32x32 with their 100 fine labels (Krizhevsky 2009)."""
    places = [f"cifar-100-python/{file}" for file in ("train", "test", "meta")]
    return _cifar(files, places, "fine_label")


@register_dataset("svhn")
def svhn(files: DatasetFiles) -> Published:
    """73,257 + 26,032 colour images of 32x32, the cropped digits (Netzer et al. 2011).

    The files number the digit 0 as 10. The `extra` part is not used.
    """
    files.require("train_32x32.mat", "test_32x32.mat")
    return Published(
        train=_mat_part(files, "train_32x32.mat"),
        test=_mat_part(files, "test_32x32.mat"),
        classes=10,
        class_names=DIGITS,
    )


@register_dataset("usps")
def usps(files: DatasetFiles) -> Published:
    """7,291 + 2,007 grey images of 16x16 (Hull 1994), as LIBSVM distributes them.

    The two parts are two files, and often only the test part is at hand: that alone is never
    taken for the whole, but has a name of its own, `usps-test`.

    Raises:
        DataNotFoundError: a part is missing and cannot be fetched.
    """
    try:
        files.require("usps.bz2", "usps.t.bz2")
    except DataNotFoundError as error:
        if files.missing("usps.t.bz2"):
            raise
        raise DataNotFoundError(
            error.problem,
            "The test part alone is there: get usps.bz2 too, or use the data set 'usps-test', "
            "which splits those 2,007 images into a training and a test part.",
        ) from error
    train, test = _libsvm_part(files, "usps.bz2"), _libsvm_part(files, "usps.t.bz2")
    return Published(train=train, test=test, classes=10, class_names=DIGITS)


@register_dataset("usps-test")
def usps_test(files: DatasetFiles) -> Published:
    """The 2,007 images of USPS's test part alone; every fifth is the test part here."""
    every_fifth = _fifths(_libsvm_part(files, "usps.t.bz2"))
    return Published(train=every_fifth[0], test=every_fifth[1], classes=10, class_names=DIGITS)


@register_dataset("digits")
def digits() -> Published:
    """1,797 grey images of 8x8, shipped with this package; every fifth is the test part.

    They are the test part of the Optical Recognition of Handwritten Digits (Alpaydin and Kaynak
    1998, UCI Machine Learning Repository, CC BY 4.0), in the order of scikit-learn's
    `load_digits`. The file holds each pixel's count of 0 to 16, as published.
    """
    with np.load(Path(__file__).with_name("digits.npz"), allow_pickle=False) as file:
        counts, numbers = file["images"], file["labels"]
    images = torch.from_numpy(counts * (255 / 16)).round().to(torch.uint8).unsqueeze(1)
    train, test = _fifths(Part(inputs=images, labels=torch.from_numpy(numbers).long()))
    return Published(train=train, test=test, classes=10, class_names=DIGITS)


def _fifths(part: Part) -> tuple[Part, Part]:
    test = torch.arange(len(part)) % 5 == 0
    return part.take(torch.nonzero(~test).flatten()), part.take(torch.nonzero(test).flatten())


def _idx_parts(folder: DatasetFiles, train: str, test: str) -> tuple[Part, Part]:
    kinds = ("images-idx3-ubyte", "labels-idx1-ubyte")
    folder.require(*(f"{prefix}-{kind}" for prefix in (train, test) for kind in kinds))
    parts = []
    for prefix in (train, test):
        images, labels = (_idx(folder, f"{prefix}-{kind}") for kind in kinds)
        with folder.parsing(f"{prefix}-{kinds[1]}"):
            _check_pairs(images, labels)
        parts.append(Part(inputs=images.unsqueeze(1), labels=labels.long()))
    return parts[0], parts[1]


def _idx(folder: DatasetFiles, file: str) -> Tensor:
    """The uint8 array of an idx file: 0, 0, 8, rank, then big-endian extents, then the values."""
    data = folder.read(file)
    with folder.parsing(file):
        zeros, kind, rank = int.from_bytes(data[:2]), data[2], data[3]
        if zeros or kind != IDX_UINT8:
            raise ValueError("it does not begin as an idx file of bytes does")
        start = 4 + 4 * rank
        shape = [int(extent) for extent in np.frombuffer(data, ">u4", count=rank, offset=4)]
        if len(data) != start + math.prod(shape):
            raise ValueError(f"its length does not fit the shape {shape} that it states")
        return _tensor(np.frombuffer(data, np.uint8, offset=start).reshape(shape))


def _cifar(folder: DatasetFiles, files: list[str], label: str) -> Published:
    """Batches of the training part, then the test part, then the names of the classes."""
    *batches, meta = files
    folder.require(*files)
    parts = [_cifar_part(folder, file, f"{label}s") for file in batches]
    table = _unpickled(folder, meta)
    with folder.parsing(meta):
        names = tuple(str(name, "ascii") for name in table[f"{label}_names".encode()])
    return Published(
        train=Part(
            inputs=torch.cat([part.inputs for part in parts[:-1]]),
            labels=torch.cat([part.labels for part in parts[:-1]]),
        ),
        test=parts[-1],
        classes=len(names),
        class_names=names,
    )


def _cifar_part(folder: DatasetFiles, file: str, labels: str) -> Part:
    batch = _unpickled(folder, file)
    with folder.parsing(file):
        images = _tensor(np.asarray(batch[b"data"], dtype=np.uint8).reshape(-1, *CIFAR_SHAPE))
        numbers = torch.tensor(batch[labels.encode()], dtype=torch.int64)
        _check_pairs(images, numbers)
        return Part(inputs=images, labels=numbers)


def _unpickled(folder: DatasetFiles, file: str) -> Any:  # noqa: ANN401 - what a file holds
    data = folder.read(file)
    with folder.parsing(file):
        return unpickled(data)


def _mat_part(folder: DatasetFiles, file: str) -> Part:
    from scipy.io import loadmat

    data = folder.read(file)
    with folder.parsing(file):
        table = loadmat(io.BytesIO(data), variable_names=["X", "y"])  # type: ignore[arg-type] # its stubs know paths only
        images = _tensor(np.asarray(table["X"], np.uint8).transpose(3, 2, 0, 1))
        labels = torch.from_numpy(table["y"].astype(np.int64).flatten()) % 10
        _check_pairs(images, labels)
        return Part(inputs=images, labels=labels)


def _libsvm_part(folder: DatasetFiles, file: str) -> Part:
    """Lines of `label 1:value ... 256:value`, values in [-1, 1], labels from 1."""
    packed = folder.read(file)
    with folder.parsing(file):
        words = bz2.decompress(packed).replace(b":", b" ").split()
        table = np.array(words, dtype=np.float32).reshape(-1, 1 + 2 * USPS_SIDE**2)
        pixels = ((table[:, 2::2] + 1) / 2 * 255).astype(np.uint8)
        images = _tensor(pixels.reshape(-1, 1, USPS_SIDE, USPS_SIDE))
        return Part(inputs=images, labels=torch.from_numpy(table[:, 0].astype(np.int64)) - 1)


def _tensor(values: npt.NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(np.array(values, order="C"))


def _check_pairs(images: Tensor, labels: Tensor) -> None:
    if len(images) != len(labels):
        raise ValueError(f"it has {len(labels)} labels for {len(images)} images")
