"""Published data sets, read from small files written in their very formats."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import os
import pickle
import struct
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
import torch
from scipy.io import savemat

from tests.helpers.datasets import UNPACKED
from ticket_hub.data import DataSet, data_names, load
from ticket_hub.data.digests import PUBLISHED
from ticket_hub.errors import DataCorruptError, DataError, DataNotFoundError
from ticket_hub.recipe import DataSpec
from ticket_hub.vision import import_with_torchvision

Array: TypeAlias = np.ndarray[Any, Any]
Files: TypeAlias = dict[str, bytes]


def random_images(seed: int, *shape: int) -> Array:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def random_labels(seed: int, count: int, classes: int) -> Array:
    return np.random.default_rng(seed).permutation(np.arange(count) % classes)


def idx(values: Array) -> bytes:
    header = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape)
    return header + values.astype(np.uint8).tobytes()


def cifar_batch(images: Array, labels: Array, key: bytes) -> bytes:
    table = {b"data": images.reshape(len(images), -1), key: labels.tolist(), b"batch_label": b"x"}
    return pickle.dumps(table, protocol=2)


def mat(images: Array, labels: Array) -> bytes:
    stream = io.BytesIO()
    numbered = np.where(labels == 0, 10, labels)[:, None].astype(np.uint8)
    table = {"X": images.transpose(2, 3, 1, 0), "y": numbered}
    savemat(stream, table)  # type: ignore[arg-type] # its stubs know paths only
    return stream.getvalue()


def libsvm(images: Array, labels: Array) -> bytes:
    lines = []
    for pixels, label in zip(images.reshape(len(images), -1) / 127.5 - 1, labels, strict=True):
        words = " ".join(f"{place}:{value:.6g}" for place, value in enumerate(pixels, start=1))
        lines.append(f"{label + 1} {words}\n")
    return bz2.compress("".join(lines).encode())


def idx_files(prefix: str, test: str, first_label: int, classes: int) -> Files:
    return {
        f"{prefix}train-images-idx3-ubyte": idx(random_images(1, 60, 28, 28)),
        f"{prefix}train-labels-idx1-ubyte": idx(random_labels(2, 60, classes) + first_label),
        f"{prefix}{test}-images-idx3-ubyte": idx(random_images(3, 26, 28, 28)),
        f"{prefix}{test}-labels-idx1-ubyte": idx(random_labels(4, 26, classes) + first_label),
    }


def mnist_files() -> Files:
    return idx_files("MNIST/raw/", "t10k", 0, 10)


def emnist_files() -> Files:
    return idx_files("EMNIST/raw/emnist-letters-", "test", 1, 26)


def cifar100_files() -> Files:
    names = [f"class {number}".encode() for number in range(100)]
    return {
        "cifar-100-python/train": cifar_batch(
            random_images(1, 200, 3, 32, 32), random_labels(2, 200, 100), b"fine_labels"
        ),
        "cifar-100-python/test": cifar_batch(
            random_images(3, 100, 3, 32, 32), random_labels(4, 100, 100), b"fine_labels"
        ),
        "cifar-100-python/meta": pickle.dumps({b"fine_label_names": names}, protocol=2),
    }


def lay_out(root: Path, files: Files) -> Path:
    for place, data in files.items():
        path = root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def read(name: str, root: Path, **options: Any) -> DataSet:  # noqa: ANN401 - options of load
    spec = DataSpec(name=name, validation=10)
    return load(spec, root, **({"digests": {}, "fetch": None} | options))


def whole_training_part(data: DataSet) -> list[tuple[bytes, int]]:
    parts = (data.train, data.validation)
    return sorted(
        (image.numpy().tobytes(), int(label))
        for part in parts
        for image, label in zip(part.inputs, part.labels, strict=True)
    )


def pairs(images: Array, labels: Array) -> list[tuple[bytes, int]]:
    return sorted((i.tobytes(), int(n)) for i, n in zip(images, labels, strict=True))


@pytest.mark.parametrize(
    ("name", "folder"), [("mnist", "MNIST/raw/"), ("fashion-mnist", "FashionMNIST/raw/")]
)
def test_idx_files_are_read_plain_and_packed(name: str, folder: str, tmp_path: Path) -> None:
    plain = lay_out(tmp_path / "plain", idx_files(folder, "t10k", 0, 10))
    packed = {f"{place}.gz": gzip.compress(data) for place, data in mnist_files().items()}
    packed = {place.replace("MNIST/raw/", folder): data for place, data in packed.items()}
    data = read(name, plain)
    assert whole_training_part(data) == pairs(
        random_images(1, 60, 28, 28), random_labels(2, 60, 10)
    )
    assert data.test.inputs.numpy().tobytes() == random_images(3, 26, 28, 28).tobytes()
    assert data.input_shape == (1, 28, 28)
    assert len(data.class_names) == data.classes == 10
    assert read(name, lay_out(tmp_path / "packed", packed)).fingerprint == data.fingerprint


def test_emnist_letters_stand_upright_and_count_from_0(tmp_path: Path) -> None:
    data = read("emnist-letters", lay_out(tmp_path, emnist_files()))
    stored = torch.from_numpy(random_images(3, 26, 28, 28))
    assert torch.equal(data.test.inputs[:, 0], stored.transpose(1, 2))
    assert data.test.labels.tolist() == random_labels(4, 26, 26).tolist()
    assert (data.classes, data.class_names[0], data.class_names[25]) == (26, "a", "z")


def test_cifar100_has_fine_labels_and_channels_first(tmp_path: Path) -> None:
    data = read("cifar100", lay_out(tmp_path, cifar100_files()))
    assert data.input_shape == (3, 32, 32)
    assert np.array_equal(data.test.inputs.numpy(), random_images(3, 100, 3, 32, 32))
    assert data.test.labels.tolist() == random_labels(4, 100, 100).tolist()
    assert (data.classes, data.class_names[99]) == (100, "class 99")


def test_cifar10_joins_its_five_batches(tmp_path: Path) -> None:
    batches = {
        f"data_batch_{n}": cifar_batch(
            random_images(n, 20, 3, 32, 32), random_labels(n, 20, 10), b"labels"
        )
        for n in range(1, 6)
    }
    batches["test_batch"] = cifar_batch(
        random_images(9, 20, 3, 32, 32), random_labels(9, 20, 10), b"labels"
    )
    names = [name.encode() for name in "abcdefghij"]
    batches["batches.meta"] = pickle.dumps({b"label_names": names}, protocol=2)
    files = {f"cifar-10-batches-py/{file}": data for file, data in batches.items()}
    data = read("cifar10", lay_out(tmp_path, files))
    everything = [
        pair
        for n in range(1, 6)
        for pair in pairs(random_images(n, 20, 3, 32, 32), random_labels(n, 20, 10))
    ]
    assert whole_training_part(data) == sorted(everything)
    assert np.array_equal(data.test.inputs.numpy(), random_images(9, 20, 3, 32, 32))


def test_svhn_calls_its_label_10_a_zero(tmp_path: Path) -> None:
    files = {
        "train_32x32.mat": mat(random_images(1, 40, 3, 32, 32), random_labels(2, 40, 10)),
        "test_32x32.mat": mat(random_images(3, 20, 3, 32, 32), random_labels(4, 20, 10)),
    }
    data = read("svhn", lay_out(tmp_path, files))
    assert np.array_equal(data.test.inputs.numpy(), random_images(3, 20, 3, 32, 32))
    assert data.test.labels.tolist() == random_labels(4, 20, 10).tolist()


def test_usps_has_the_pixels_that_torchvision_reads(tmp_path: Path) -> None:
    files = {
        "usps.bz2": libsvm(random_images(1, 40, 16, 16), random_labels(2, 40, 10)),
        "usps.t.bz2": libsvm(random_images(3, 20, 16, 16), random_labels(4, 20, 10)),
    }
    data = read("usps", lay_out(tmp_path, files))
    theirs = import_with_torchvision("torchvision.datasets").USPS(str(tmp_path), train=False)
    assert np.array_equal(data.test.inputs[:, 0].numpy(), theirs.data)
    assert data.test.labels.tolist() == theirs.targets


def test_usps_without_its_training_part_is_refused_with_a_way_out(tmp_path: Path) -> None:
    files = {"usps.t.bz2": libsvm(random_images(3, 50, 16, 16), random_labels(4, 50, 10))}
    lay_out(tmp_path, files)
    with pytest.raises(DataNotFoundError, match=r"usps\.bz2.*'usps-test'"):
        read("usps", tmp_path)
    data = read("usps-test", tmp_path)
    assert (len(data.train), len(data.validation), len(data.test)) == (30, 10, 10)


def test_the_digits_are_always_there(tmp_path: Path) -> None:
    data = load(DataSpec(name="digits", validation=300), tmp_path, fetch=None)
    assert (len(data.train), len(data.validation), len(data.test)) == (1137, 300, 360)
    assert data.input_shape == (1, 8, 8)


@pytest.mark.parametrize("name", sorted(set(data_names()) - {"digits", *UNPACKED}))
def test_what_is_missing_is_named_with_the_folder_and_the_remedy(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataNotFoundError) as caught:
        read(name, tmp_path)
    assert str(tmp_path) in caught.value.problem
    assert any(place in caught.value.problem for place in PUBLISHED)
    assert "TICKET_DATA" in caught.value.remedy


def test_only_the_files_that_are_missing_are_named(tmp_path: Path) -> None:
    files = mnist_files()
    del files["MNIST/raw/t10k-labels-idx1-ubyte"]
    with pytest.raises(DataNotFoundError) as caught:
        read("mnist", lay_out(tmp_path, files))
    assert "t10k-labels" in caught.value.problem
    assert "train-images" not in caught.value.problem


def test_missing_files_are_fetched_and_a_failure_gives_its_reason(tmp_path: Path) -> None:
    def bring(name: str, root: Path) -> None:
        assert name == "mnist"
        lay_out(root, mnist_files())

    def fail(name: str, root: Path) -> None:
        raise DataNotFoundError(f"no route to {name}", "Wait.")

    with pytest.raises(DataNotFoundError, match="no route to mnist"):
        read("mnist", tmp_path, fetch=fail)
    assert len(read("mnist", tmp_path, fetch=bring).test) == 26


@pytest.mark.parametrize("name", ["mnsit", "cifar-10", "folder:", "hf:", "image-net"])
def test_an_unknown_name_is_refused_and_the_nearest_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataNotFoundError, match="The nearest is"):
        read(name, tmp_path)


def test_a_file_with_another_digest_is_refused_by_name(tmp_path: Path) -> None:
    files = mnist_files()
    root = lay_out(tmp_path, files)
    digests = {place: "sha256:" + hashlib.sha256(d).hexdigest() for place, d in files.items()}
    assert len(read("mnist", root, digests=digests).test) == 26
    victim = root / "MNIST/raw/train-images-idx3-ubyte"
    victim.write_bytes(victim.read_bytes()[:-1] + b"\x00")
    with pytest.raises(DataCorruptError, match="train-images-idx3-ubyte is not the published"):
        read("mnist", root, digests=digests)


def test_the_published_digests_refuse_other_files_by_default(tmp_path: Path) -> None:
    root = lay_out(tmp_path, mnist_files() | emnist_files() | cifar100_files())
    for name in ("mnist", "emnist-letters", "cifar100"):
        with pytest.raises(DataCorruptError, match="is not the published file"):
            load(DataSpec(name=name, validation=10), root, fetch=None)


def broken_mnist(place: str, data: bytes) -> Files:
    return mnist_files() | {f"MNIST/raw/{place}": data}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00\x00",
        b"not an idx file at all",
        idx(random_images(1, 60, 28, 28))[:-7],
        idx(random_images(1, 60, 28, 28)) + b"more",
        struct.pack(">HBB3I", 0, 8, 3, 2**32 - 1, 2**32 - 1, 2**32 - 1),
    ],
)
def test_a_broken_idx_file_is_corrupt_by_name(data: bytes, tmp_path: Path) -> None:
    root = lay_out(tmp_path, broken_mnist("train-images-idx3-ubyte", data))
    with pytest.raises(DataCorruptError, match="train-images-idx3-ubyte"):
        read("mnist", root)


def test_a_truncated_archive_is_corrupt_by_name(tmp_path: Path) -> None:
    packed = {f"{place}.gz": gzip.compress(data) for place, data in mnist_files().items()}
    place = "MNIST/raw/train-images-idx3-ubyte.gz"
    root = lay_out(tmp_path, packed | {place: packed[place][:-100]})
    with pytest.raises(DataCorruptError, match=r"train-images-idx3-ubyte\.gz"):
        read("mnist", root)


def test_fewer_labels_than_images_are_corrupt(tmp_path: Path) -> None:
    root = lay_out(tmp_path, broken_mnist("t10k-labels-idx1-ubyte", idx(np.zeros(3))))
    with pytest.raises(DataCorruptError, match=r"t10k-labels-idx1-ubyte.*3 labels for 26 images"):
        read("mnist", root)


def test_labels_outside_the_classes_are_refused(tmp_path: Path) -> None:
    root = lay_out(tmp_path, broken_mnist("t10k-labels-idx1-ubyte", idx(np.full(26, 10))))
    with pytest.raises(DataError, match="test labels from 10 to 10 for 10 classes"):
        read("mnist", root)


class Hostile:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def test_a_pickle_that_calls_anything_is_refused_unrun(tmp_path: Path) -> None:
    mark = tmp_path / "called"
    hostile = {"cifar-100-python/train": pickle.dumps(Hostile(mark), protocol=2)}
    root = lay_out(tmp_path / "data", cifar100_files() | hostile)
    with pytest.raises(DataCorruptError, match=r"cifar-100-python/train.*mkdir"):
        read("cifar100", root)
    assert not mark.exists()


@pytest.mark.parametrize("data", [b"", b"\x80\x02", b"nonsense", pickle.dumps([1], protocol=2)])
def test_a_broken_pickle_is_corrupt_by_name(data: bytes, tmp_path: Path) -> None:
    root = lay_out(tmp_path, cifar100_files() | {"cifar-100-python/test": data})
    with pytest.raises(DataCorruptError, match="cifar-100-python/test"):
        read("cifar100", root)


@pytest.mark.parametrize("place", ["train_32x32.mat", "usps.t.bz2"])
def test_other_broken_files_are_corrupt_by_name(place: str, tmp_path: Path) -> None:
    files = {
        "train_32x32.mat": b"no matrix",
        "test_32x32.mat": mat(random_images(3, 20, 3, 32, 32), random_labels(4, 20, 10)),
        "usps.t.bz2": bz2.compress(b"1 1:0.5 2:0.25\n"),
    }
    with pytest.raises(DataCorruptError, match=place):
        read("svhn" if "mat" in place else "usps-test", lay_out(tmp_path, files))


@pytest.mark.parametrize(
    ("name", "kind", "options"),
    [
        ("mnist", "MNIST", {}),
        ("fashion-mnist", "FashionMNIST", {}),
        ("cifar10", "CIFAR10", {}),
        ("emnist-letters", "EMNIST", {"split": "letters"}),
    ],
)
def test_the_real_test_part_is_the_one_that_torchvision_reads(
    name: str, kind: str, options: dict[str, str], real_data: Path
) -> None:
    data = load(DataSpec(name=name), real_data, fetch=None)
    sets = import_with_torchvision("torchvision.datasets")
    theirs = getattr(sets, kind)(str(real_data), train=False, **options)
    images, labels = torch.as_tensor(theirs.data), torch.as_tensor(theirs.targets)
    if name == "cifar10":
        images = images.permute(0, 3, 1, 2)
    elif name == "emnist-letters":
        images, labels = images.mT[:, None], labels - 1
    else:
        images = images[:, None]
    assert torch.equal(data.test.inputs, images)
    assert torch.equal(data.test.labels, labels)


def test_the_known_digests_agree_with_torchvision() -> None:
    sets = import_with_torchvision("torchvision.datasets")
    for published in (sets.CIFAR10, sets.CIFAR100):
        for file, md5 in published.train_list + published.test_list:
            assert PUBLISHED[f"{published.base_folder}/{file}"] == f"md5:{md5}"
    for published in (sets.SVHN, sets.USPS):
        for part in ("train", "test"):
            _, file, md5 = published.split_list[part]
            assert PUBLISHED[file] == f"md5:{md5}"
