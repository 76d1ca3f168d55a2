"""Fetch published data sets from the addresses, and check them by the digests, of torchvision.

The transfer itself is done here, since torchvision's waits for ever on a dead connection and
draws a progress bar.
"""

from __future__ import annotations

import hashlib
import http.client
import shutil
import ssl
import tarfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ticket_hub.durable import open_durable
from ticket_hub.errors import DataNotFoundError
from ticket_hub.vision import import_with_torchvision

__all__ = ["Archive", "fetch_archives", "fetch_published", "published_archives"]

TIMEOUT = 10.0
"""Seconds without an answer or a byte after which an address is given up."""
CHUNK = 1 << 20
_NO_ANSWER = (  # the last two where the connection breaks before the head of an answer
    urllib.error.URLError,
    http.client.HTTPException,
    TimeoutError,
    ConnectionError,
    ssl.SSLError,
)


@dataclass(frozen=True, kw_only=True)
class Archive:
    """One file to fetch.

    Attributes:
        addresses: tried in this order.
        place: where it goes, relative to the data folder.
        md5: of its bytes.
        members: path inside the archive -> place; empty if the file is used as it is.
    """

    addresses: tuple[str, ...]
    place: str
    md5: str
    members: tuple[tuple[str, str], ...] = ()


def fetch_published(name: str, root: Path) -> None:
    """Put a published data set under `root`, in torchvision's layout.

    Raises:
        DataNotFoundError: no address gives the published bytes.
        StorageError: they cannot be written.
    """
    fetch_archives(published_archives(name), root)


def fetch_archives(archives: Iterable[Archive], root: Path, *, timeout: float = TIMEOUT) -> None:
    """Fetch and unpack archives; one that is already there and right is only unpacked.

    Raises:
        DataNotFoundError: no address gives the published bytes.
        StorageError: they cannot be written.
    """
    for archive in archives:
        path = root / archive.place
        if not path.is_file() or _md5(path) != archive.md5:
            _fetch(archive, path, timeout)
        if archive.members:
            _unpack(archive, path, root)


def _fetch(archive: Archive, path: Path, timeout: float) -> None:
    reasons = []
    for address in archive.addresses:
        try:
            _download(address, archive.md5, path, timeout)
        except _NO_ANSWER as error:
            reasons.append(f"{address}: {getattr(error, 'reason', None) or error}")
        except _TransferError as error:
            reasons.append(f"{address}: {error}")
        else:
            return
    raise DataNotFoundError(
        f"it could not be downloaded ({'; '.join(reasons)})", "Check the network and try again."
    )


def _download(address: str, md5: str, path: Path, timeout: float) -> None:
    request = urllib.request.Request(address, headers={"User-Agent": "ticket-hub"})  # noqa: S310 - the addresses are torchvision's
    digest = hashlib.md5(usedforsecurity=False)
    with urllib.request.urlopen(request, timeout=timeout) as response, open_durable(path) as target:  # noqa: S310 - as above
        while chunk := _chunk(response):
            digest.update(chunk)
            target.write(chunk)
        if digest.hexdigest() != md5:
            raise _TransferError(f"its md5 is {digest.hexdigest()} and should be {md5}")


class _TransferError(Exception):
    """Ends a download before its file gets its name."""


def _chunk(source: http.client.HTTPResponse) -> bytes:
    try:
        return source.read(CHUNK)
    except (OSError, http.client.HTTPException) as error:  # or it would count as a full disk
        raise _TransferError(f"the connection broke: {error}") from error


def _md5(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _unpack(archive: Archive, path: Path, root: Path) -> None:
    """Take the named members and no other, so that no name inside an archive is ever a path."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as packed:
            for member, place in archive.members:
                with packed.open(member) as source, open_durable(root / place) as target:
                    shutil.copyfileobj(source, target)
        return
    places = dict(archive.members)
    with tarfile.open(path) as packed_tar:
        for entry in packed_tar:
            source_tar = packed_tar.extractfile(entry) if entry.name in places else None
            if source_tar is not None:
                with source_tar, open_durable(root / places[entry.name]) as target:
                    shutil.copyfileobj(source_tar, target)


def published_archives(name: str) -> list[Archive]:
    """What torchvision knows about a data set: addresses, digests, and the files inside.

    Raises:
        DataNotFoundError: it has no addresses for this name.
    """
    if name not in _PLANS:
        raise DataNotFoundError(
            f"there is no address to download {name} from",
            f"Addresses are known for {', '.join(sorted(_PLANS))}.",
        )
    return _PLANS[name](import_with_torchvision("torchvision.datasets"))


def _idx(kind: str) -> Callable[[Any], list[Archive]]:
    def plan(sets: Any) -> list[Archive]:  # noqa: ANN401 - a module without types
        """The archives that torchvision names for data in the idx format."""
        published = getattr(sets, kind)
        return [
            Archive(
                addresses=tuple(mirror + file for mirror in published.mirrors),
                place=f"{kind}/raw/{file}",
                md5=md5,
            )
            for file, md5 in published.resources
        ]

    return plan


def _emnist(sets: Any) -> list[Archive]:  # noqa: ANN401 - a module without types
    files = [
        f"emnist-letters-{part}-{kind}-ubyte.gz"
        for part in ("train", "test")
        for kind in ("images-idx3", "labels-idx1")
    ]
    return [
        Archive(
            addresses=(sets.EMNIST.url,),
            place="EMNIST/raw/gzip.zip",
            md5=sets.EMNIST.md5,
            members=tuple((f"gzip/{file}", f"EMNIST/raw/{file}") for file in files),
        )
    ]


def _cifar(kind: str) -> Callable[[Any], list[Archive]]:
    def plan(sets: Any) -> list[Archive]:  # noqa: ANN401 - a module without types
        """The one archive of a CIFAR data set, and the files that it holds."""
        published = getattr(sets, kind)
        files = [file for file, _ in published.train_list + published.test_list]
        places = [
            f"{published.base_folder}/{file}" for file in [*files, published.meta["filename"]]
        ]
        return [
            Archive(
                addresses=(published.url,),
                place=published.filename,
                md5=published.tgz_md5,
                members=tuple((place, place) for place in places),
            )
        ]

    return plan


def _single_files(kind: str, parts: Sequence[str]) -> Callable[[Any], list[Archive]]:
    def plan(sets: Any) -> list[Archive]:  # noqa: ANN401 - a module without types
        """One file for each part of the data set."""
        listed = [getattr(sets, kind).split_list[part] for part in parts]
        return [Archive(addresses=(url,), place=file, md5=md5) for url, file, md5 in listed]

    return plan


_PLANS: dict[str, Callable[[Any], list[Archive]]] = {
    "mnist": _idx("MNIST"),
    "fashion-mnist": _idx("FashionMNIST"),
    "emnist-letters": _emnist,
    "cifar10": _cifar("CIFAR10"),
    "cifar100": _cifar("CIFAR100"),
    "svhn": _single_files("SVHN", ("train", "test")),
    "usps": _single_files("USPS", ("train", "test")),
    "usps-test": _single_files("USPS", ("test",)),
}
