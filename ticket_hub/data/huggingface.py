"""Images and texts of the Hugging Face Hub, through the extra `hf-datasets`."""

from __future__ import annotations

import contextlib
import importlib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ticket_hub.data.dataset import Part, Published
from ticket_hub.data.dataset_files import DatasetFiles
from ticket_hub.data.overlaps import overlaps
from ticket_hub.data.pictures import read_picture, stacked
from ticket_hub.data.registry import DATASETS
from ticket_hub.data.splitting import test_fifth
from ticket_hub.data.texts import to_tokens
from ticket_hub.errors import DataCorruptError, DataError, DataNotFoundError
from ticket_hub.project import install_extra
from ticket_hub.recipe import DataSpec

if TYPE_CHECKING:
    from huggingface_hub import HfApi

__all__ = ["read_huggingface"]

NAME = re.compile(
    r"(?P<path>[\w.-]+/[\w.-]+)(:(?P<config>[\w.-]+))?(@(?P<revision>[\w./-]+))?", re.ASCII
)
TESTS = ("test", "validation", "valid", "val")
TEXTS = ("text", "sentence")
STRINGS = ("string", "large_string")
FOLDER = "huggingface"
TIMEOUT = 10.0  # seconds


@DATASETS.register(r"(?s)hf:.+", examples=["hf:OWNER/NAME"])
def huggingface(spec: DataSpec, files: DatasetFiles) -> Published:
    """A data set of the Hugging Face Hub: see `read_huggingface`."""
    return read_huggingface(
        spec.name.removeprefix("hf:"),
        files.root,
        spec,
        online=files.fetch is not None,
    )


def read_huggingface(
    address: str,
    root: Path,
    spec: DataSpec,
    *,
    online: bool,
    endpoint: str | None = None,
) -> Published:
    """Read `OWNER/NAME[:CONFIG][@REVISION]`: from `root/huggingface/OWNER/NAME`, or the Hub.

    The folder holds what `save_to_disk` wrote or Parquet files named after their parts; it is
    taken as it is, so that a configuration or a revision then has no effect. Otherwise the
    library `datasets` downloads it, or with `HF_HUB_OFFLINE=1` reads its own cache.

    The image is the one column of images; without one, the text is the one column of strings, or
    that called `text` or `sentence`. The label is the one column of classes (or the column
    `label`). A set with `train`, `validation` and `test` keeps its parts; one without `test` is
    tested on `validation`; one with `train` alone gives a fifth of every class, drawn by
    `spec.split_seed`, to the test part.

    Args:
        spec: `size` scales images to a square, and cuts texts; `tokenizer` is of texts.
        online: False reads the folder or nothing.
        endpoint: of the Hub; by default that of the environment.

    Raises:
        DataNotFoundError: it is neither on disk nor to be had, or the extra is missing.
        DataCorruptError: an image cannot be read, or a text is missing.
        DataError: it is not a data set of images or texts with classes.
    """
    match = NAME.fullmatch(address)
    if match is None:
        raise DataNotFoundError(
            f"hf:{address} is not the name of a data set.",
            "Write hf:OWNER/NAME, with :CONFIG and @REVISION after it where needed.",
        )
    library = _library()
    hub = _hub(endpoint) if online else None
    with _quiet(library):
        tables = _tables(library, match, root / FOLDER / match["path"], hub)
    source = f"hf:{address}"
    named = _named_parts(tables, source)
    image, text, label, names = _columns(library, named[0], source)
    animated, vocabulary = 0, 0
    if image:
        bare = [table.cast_column(image, library.Image(decode=False)) for table in named]
        read, animated = _read(bare, image, label, source, spec.size)
    else:
        read, vocabulary = _read_texts(named, text, label, source, spec)
    if names is None:
        names = [str(n) for n in range(1 + max(int(part.labels.max()) for part in read))]
    if len(read) == 1:
        chosen = test_fifth(read[0].labels, len(names), spec.split_seed)
        read = [read[0].take(torch.tensor(part, dtype=torch.int64)) for part in chosen]
    return Published(
        train=read[0],
        test=read[-1],
        validation=read[1] if len(read) > 2 else None,  # noqa: PLR2004 - all three parts
        classes=len(names),
        class_names=tuple(names),
        vocabulary=vocabulary,
        notes=_notes(read, animated, source) if image else (),
    )


def _library() -> Any:  # noqa: ANN401 - a module without types
    try:
        return importlib.import_module("datasets")
    except ImportError as error:
        raise DataNotFoundError(
            "Data sets of the Hugging Face Hub need the library `datasets`.",
            f"Install it with `{install_extra('hf-datasets')}`.",
        ) from error


@contextlib.contextmanager
def _quiet(library: Any) -> Iterator[None]:  # noqa: ANN401 - a module without types
    """Without the library's progress bars."""
    shown = not library.are_progress_bars_disabled()
    library.disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            library.enable_progress_bars()


def _hub(endpoint: str | None) -> HfApi:
    from huggingface_hub import HfApi  # slow to import, and every process that trains comes here

    return HfApi(endpoint=endpoint)


def _tables(
    library: Any,  # noqa: ANN401 - a module without types
    match: re.Match[str],
    folder: Path,
    hub: HfApi | None,
) -> dict[str, Any]:
    try:
        return dict(_opened(library, match, folder, hub))
    except Exception as error:  # the libraries document no common class of their errors
        raise DataNotFoundError(
            f"The data set hf:{match[0]} cannot be had: looked in {folder}, and "
            f"{(str(error).strip() or type(error).__name__).splitlines()[0].rstrip('.')}.",
            "Check the name, save it there with `save_to_disk`, try again with a network, or set "
            "HF_HUB_OFFLINE=1 to read the cache of the library `datasets`.",
        ) from error


def _opened(library: Any, match: re.Match[str], folder: Path, hub: HfApi | None) -> Any:  # noqa: ANN401 - a library without types
    if (folder / "dataset_dict.json").is_file():
        return library.load_from_disk(str(folder))
    if folder.is_dir():
        return library.load_dataset(str(folder))
    if hub is None:
        raise FileNotFoundError("downloading is switched off")
    from huggingface_hub import constants

    if not constants.HF_HUB_OFFLINE:  # the library retries for half a minute, this does not
        hub.dataset_info(match["path"], revision=match["revision"], timeout=TIMEOUT)
    return library.load_dataset(match["path"], match["config"], revision=match["revision"])


def _named_parts(tables: Mapping[str, Any], source: str) -> list[Any]:
    if "train" not in tables:
        raise DataError(
            f"{source} has no part 'train', only {', '.join(sorted(tables))}.",
            "Use a data set with a training part.",
        )
    tests = [name for name in TESTS if name in tables]
    chosen = [name for name in tests if name != "test"][:1] + tests[:1]
    names = list(dict.fromkeys(chosen if "test" in tables else tests[:1]))
    return [tables["train"], *(tables[name] for name in names)]


def _columns(library: Any, table: Any, source: str) -> tuple[str, str, str, list[str] | None]:  # noqa: ANN401 - a library without types
    """The columns of images, or else of texts, and of labels, and the names of the classes."""
    images = [n for n, kind in table.features.items() if isinstance(kind, library.Image)]
    texts = [n for n, kind in table.features.items() if getattr(kind, "dtype", "") in STRINGS]
    texts = texts if len(texts) == 1 else [name for name in TEXTS if name in texts][:1]
    classes = [n for n, kind in table.features.items() if isinstance(kind, library.ClassLabel)]
    label = classes[0] if len(classes) == 1 else "label"
    if len(images or texts) != 1 or label not in table.features:
        raise DataError(
            f"{source} is not a set of images or texts with classes: its columns are "
            f"{', '.join(table.features)}.",
            "It needs one column of images or of strings (or 'text'), and one of classes or a "
            "column named 'label'.",
        )
    return (
        "".join(images),
        "".join(texts),
        label,
        table.features[label].names if label in classes else None,
    )


def _read(
    tables: list[Any], image: str, label: str, source: str, size: int
) -> tuple[list[Part], int]:
    """The parts, and how many images have more than one frame."""
    pictures: list[Tensor] = []
    numbers: list[Tensor] = []
    animated = 0
    for table in tables:
        for row in table[image]:
            picture, frames = _picture(row, len(pictures), size, source)
            pictures.append(picture)
            animated += frames > 1
        numbers.append(torch.tensor(list(table[label]), dtype=torch.int64))
    chunks = stacked(pictures, source).split([len(part) for part in numbers])
    return [Part(inputs=i, labels=n) for i, n in zip(chunks, numbers, strict=True)], animated


def _read_texts(
    tables: list[Any], text: str, label: str, source: str, spec: DataSpec
) -> tuple[list[Part], int]:
    parts = [list(table[text]) for table in tables]
    missing = [place for part in parts for place, each in enumerate(part) if each is None]
    if missing:
        raise DataCorruptError(
            f"Text {missing[0]} of {source} is missing.", "Use another revision of it."
        )
    inputs, vocabulary = to_tokens(parts, spec)
    numbers = [torch.tensor(list(table[label]), dtype=torch.int64) for table in tables]
    return [Part(inputs=x, labels=y) for x, y in zip(inputs, numbers, strict=True)], vocabulary


def _picture(row: Any, number: int, size: int, source: str) -> tuple[Tensor, int]:  # noqa: ANN401 - of a library without types
    """One row that the library has not decoded: it would cut 16 bits to 8 without a word."""
    try:
        data = row["bytes"]
        return read_picture(Path(row["path"]) if data is None else io.BytesIO(data), size)
    except (ValueError, TypeError) as error:  # the latter where a row has no image
        raise DataCorruptError(
            f"Image {number} of {source} cannot be read: {error}.", "Use another revision of it."
        ) from error


def _notes(read: Sequence[Part], animated: int, source: str) -> tuple[str, ...]:
    names = [[f"image {number}" for number in range(len(part))] for part in read]
    frames = f"Of {animated} images of {source} only the first frame is read."
    return (*([frames] if animated else []), *overlaps(read, names))
