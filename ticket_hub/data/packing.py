"""Making a pack: pictures scaled once, encoded, one after another in one file."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import zlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from torch import Tensor

from ticket_hub.data.dataset import Part, Published
from ticket_hub.data.dataset_files import DatasetFiles, Fetch
from ticket_hub.data.digests import PUBLISHED
from ticket_hub.data.download import fetch_published
from ticket_hub.data.pack_file import INDEX, MANIFEST, PICTURES, RECORD, Pack
from ticket_hub.data.pack_source import PackSource, source_of
from ticket_hub.data.packed import PackedImages
from ticket_hub.data.picture_decoding import decoder
from ticket_hub.data.picture_encoding import Encoded, encoded, encoded_ahead
from ticket_hub.data.splitting import published_parts
from ticket_hub.durable import explaining, make_folder, sha256_file, write_json
from ticket_hub.errors import DataCorruptError, DataError, StoppedError
from ticket_hub.home import data_folder, expanded
from ticket_hub.recipe import DataSpec

__all__ = ["data_pack", "open_packed", "pack_folder", "verify"]

QUALITY = 90
FORMAT = 1
EVERY = 500
"""Pictures between two times that what was done is put on disk for good."""


def pack_folder(name: str, short_side: int, data_dir: Path | str | None = None) -> Path:
    """Where the pack of a data set lies: in the folder of the data sets."""
    known = name if name.replace("-", "").isalnum() else _named_by_digest(name)
    root = expanded(data_dir) if data_dir else data_folder()
    return root / "packed" / (f"{known}-{short_side}" if short_side else known)


def _named_by_digest(name: str) -> str:
    kind, _, place = name.partition(":")
    if kind == "folder":
        place = str(expanded(Path(place)).absolute())
    return f"{kind}-{hashlib.sha256(place.encode()).hexdigest()[:12]}"


def data_pack(
    name: str,
    *,
    short_side: int = 0,
    quality: int = QUALITY,
    data_dir: Path | str | None = None,
    digests: Mapping[str, str] = PUBLISHED,
    fetch: Fetch | None = fetch_published,
    observe: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Path:
    """Pack a data set of pictures for `data.storage = "disk"`, and return the folder of the pack.

    Stopped or killed, the same call goes on where it was. At the end every picture is read again
    from the disk and compared with the checksum that it was written with.

    Args:
        name: as `data.name` in a recipe: `folder:PATH`, `imagenet`, or any data set of images.
        short_side: pictures are scaled to so many pixels on their shorter side, and kept as JPEG
            of `quality`; 0 keeps files of JPEG and PNG as they are, and all others as PNG.
        data_dir: the folder of the data sets; by default that of `ticket_hub.home`.
        observe: told how many pictures are done, and how many there are.

    Raises:
        DataError: they are no pictures; or another packing was begun in that folder.
        DataCorruptError: a picture cannot be read, or comes back from the disk otherwise.
        StoppedError: `should_stop` became true.
        StorageError: they cannot be written.
    """
    folder = pack_folder(name, short_side, data_dir)
    if (folder / MANIFEST).is_file():
        verify(Pack(folder))
        return folder
    root = expanded(data_dir) if data_dir else data_folder()
    files = DatasetFiles(name=name, root=root, digests=digests, fetch=fetch)
    source = source_of(DataSpec(name=name), files)
    make_folder(folder)
    plan = {
        "format": FORMAT,
        "source": name,
        "short_side": short_side,
        "quality": quality,
        "identity": source.identity,
        "parts": list(source.parts),
        "class_names": list(source.class_names),
        "notes": list(source.notes),
        "encoder": decoder(),
    }
    _refuse_other(folder, plan)
    write_json(folder / "begun.json", plan)
    with explaining(folder):
        _write(
            folder,
            source,
            lambda item: encoded(item, short_side, quality),
            observe=observe,
            should_stop=should_stop,
        )
    made = {key: _entry(folder / key) for key in (PICTURES, INDEX)}
    write_json(folder / MANIFEST, plan | made)
    (folder / "begun.json").unlink()
    return folder


def verify(found: Pack) -> None:
    """Compare every picture's bytes with the checksum that it was written with.

    Raises:
        DataCorruptError: they differ.
    """
    for place, checksum in enumerate(found.index["crc32"].tolist()):
        if zlib.crc32(found.encoded(place)) != checksum:
            raise DataCorruptError(
                f"Picture {place} in {found.folder / PICTURES} is not what was written there.",
                "Delete the folder, and pack the data again; check the disk.",
            )


def open_packed(spec: DataSpec, data_dir: Path) -> Published:
    """A packed data set, as a reader gives one; its pixels stay on disk.

    Raises:
        DataNotFoundError: it was not packed with this short side.
        DataCorruptError: files of the pack have other sizes than when it was made.
        DataError: pictures are smaller than what the recipe takes of them.
    """
    found = Pack(pack_folder(spec.name, spec.short_side, data_dir))
    bounds = np.cumsum([0, *found.about["parts"]])
    labels = torch.from_numpy(found.index["label"].astype(np.int64))
    parts = []
    for start, stop in itertools.pairwise(bounds.tolist()):
        places = torch.arange(start, stop)
        images = PackedImages.of(found, places, spec.size)
        parts.append(Part(inputs=images, labels=labels[places]))
    names = tuple(found.about["class_names"])
    whole = published_parts(parts, names, spec.split_seed)
    return Published(
        train=whole.train,
        test=whole.test,
        validation=whole.validation,
        classes=len(names),
        class_names=names,
        notes=tuple(found.about["notes"]),
    )


def _refuse_other(folder: Path, plan: dict[str, Any]) -> None:
    try:
        before = json.loads((folder / "begun.json").read_bytes())
    except (OSError, ValueError):
        return
    if before != plan:
        differing = [key for key in plan if before.get(key) != plan[key]]
        raise DataError(
            f"{folder} holds a packing that was begun with another {', '.join(differing)}.",
            "Delete that folder to begin anew.",
        )


def _write(
    folder: Path,
    source: PackSource,
    encode: Callable[[Path | Tensor], Encoded],
    *,
    observe: Callable[[int, int], None] | None,
    should_stop: Callable[[], bool] | None,
) -> None:
    total = len(source.items)
    with (
        (folder / PICTURES).open("ab") as pictures,
        (folder / INDEX).open("ab") as index,
        ThreadPoolExecutor(os.cpu_count()) as threads,
    ):
        done, end = _resume(folder, pictures, index)
        work = encoded_ahead(threads, source.items[done:], encode)
        with contextlib.closing(work):
            for place, (data, size) in enumerate(work, done):
                pictures.write(data)
                end += len(data)
                row = (end, source.labels[place], zlib.crc32(data), *size)
                index.write(np.array(row, RECORD).tobytes())
                # Now and then: syncing after each picture would take longer than encoding it.
                if (place + 1) % EVERY == 0:
                    _flush(pictures, index)
                    if observe is not None:
                        observe(place + 1, total)
                if should_stop is not None and should_stop():
                    _flush(pictures, index)
                    raise StoppedError(
                        f"Packing was stopped after {place + 1} of {total} pictures.",
                        "Run the same command again to go on.",
                    )
        _flush(pictures, index)
    if observe is not None:
        observe(total, total)
    _check_written(folder, total)


def _resume(folder: Path, pictures: IO[bytes], index: IO[bytes]) -> tuple[int, int]:
    """How many pictures are whole already, and where their bytes end; what follows is cut off."""
    data, size = (folder / INDEX).read_bytes(), (folder / PICTURES).stat().st_size
    rows = np.frombuffer(data[: len(data) // RECORD.itemsize * RECORD.itemsize], RECORD)
    done = int((rows["end"] <= size).sum())
    end = int(rows["end"][done - 1]) if done else 0
    with (folder / PICTURES).open("rb") as stream:
        while done:  # the last ones may not have reached the disk before it lost its power
            start = int(rows["end"][done - 2]) if done > 1 else 0
            stream.seek(start)
            if zlib.crc32(stream.read(end - start)) == int(rows["crc32"][done - 1]):
                break
            done, end = done - 1, start
    pictures.truncate(end)
    # Both files were opened to append: what follows is written where they end now.
    index.truncate(done * RECORD.itemsize)
    return done, end


def _flush(pictures: IO[bytes], index: IO[bytes]) -> None:
    """The pictures first: the index never says more than there is."""
    for stream in (pictures, index):
        stream.flush()
        os.fsync(stream.fileno())


def _check_written(folder: Path, total: int) -> None:
    rows = np.fromfile(folder / INDEX, RECORD)
    assert len(rows) == total, "every picture has its row"
    with (folder / PICTURES).open("rb") as stream:
        start = 0
        for place, (end, checksum) in enumerate(zip(rows["end"], rows["crc32"], strict=True)):
            if zlib.crc32(stream.read(int(end) - start)) != checksum:
                raise DataCorruptError(
                    f"Picture {place} in {folder / PICTURES} is not what was written there.",
                    "Delete the folder, and pack the data again; check the disk.",
                )
            start = int(end)


def _entry(path: Path) -> dict[str, Any]:
    return {"size": path.stat().st_size, "sha256": sha256_file(path)}
