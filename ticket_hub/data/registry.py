"""Data sets by name."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from ticket_hub.data.adaptation import resized
from ticket_hub.data.arrays import read_arrays
from ticket_hub.data.checks import check_examples, check_preparation
from ticket_hub.data.dataset import DataSet, Part, Published, split
from ticket_hub.data.dataset_files import DatasetFiles, Fetch
from ticket_hub.data.digests import PUBLISHED
from ticket_hub.data.download import fetch_published
from ticket_hub.data.folder import read_folder
from ticket_hub.data.huggingface import read_huggingface
from ticket_hub.data.own import own_names, read_own
from ticket_hub.data.published import SOURCES
from ticket_hub.data.texts import read_texts
from ticket_hub.errors import DataNotFoundError
from ticket_hub.home import data_folder, expanded
from ticket_hub.recipe import DataSpec

__all__ = ["data_names", "load"]

_log = logging.getLogger("ticket_hub")


def data_names() -> list[str]:
    """The names of data sets, those of plugins too, sorted; `folder:` and `hf:` are open-ended."""
    return sorted({*SOURCES, *own_names()})


def load(
    spec: DataSpec,
    data_dir: Path | str | None = None,
    *,
    digests: Mapping[str, str] = PUBLISHED,
    fetch: Fetch | None = fetch_published,
    notify: Callable[[str], None] | None = None,
) -> DataSet:
    """Read a data set from disk, or else fetch it, and split it; on the CPU.

    Args:
        data_dir: a folder in torchvision's layout; by default that of `ticket_hub.home`.
        digests: place of a file -> digest that it must have; a file without one is believed.
        fetch: brings missing files; None never touches the network.
        notify: told each of its notes, such as files that were left out; by default they are
            logged, which means on stderr.

    Raises:
        DataNotFoundError: there is no such data set, or it is neither on disk nor to be had.
        DataCorruptError: a file is not the published one, or no image.
        DataError: it cannot be used as `spec` says.
    """
    root = Path(data_dir) if data_dir else data_folder()
    published = _read(spec, expanded(root), digests, fetch)
    check_preparation(spec, published.train)
    if spec.size and published.train.kind == "images":
        published = published.map(lambda part: _resized(part, spec.size))
    check_examples(spec, published)
    data = split(
        spec,
        published.train,
        published.test,
        published.classes,
        validation=published.validation,
        class_names=published.class_names,
        vocabulary=published.vocabulary,
    )
    for note in published.notes:
        (notify or _log.warning)(note)
    return replace(data, notes=published.notes)


def _read(spec: DataSpec, root: Path, digests: Mapping[str, str], fetch: Fetch | None) -> Published:
    kind, _, rest = spec.name.partition(":")
    if kind == "arrays" and rest:
        return read_arrays(Path(rest), split_seed=spec.split_seed)
    if kind == "text" and rest:
        return read_texts(Path(rest), words=spec.size, split_seed=spec.split_seed)
    if kind == "folder" and rest:
        return read_folder(Path(rest), size=spec.size, split_seed=spec.split_seed)
    if kind == "hf" and rest:
        return read_huggingface(
            rest, root, size=spec.size, split_seed=spec.split_seed, online=fetch is not None
        )
    if spec.name not in SOURCES:
        own = read_own(spec.name, root)
        if own is None:
            raise _unknown(spec.name)
        return own
    return SOURCES[spec.name](DatasetFiles(name=spec.name, root=root, digests=digests, fetch=fetch))


def _resized(part: Part, size: int) -> Part:
    return Part(inputs=resized(part.inputs, size, size), labels=part.labels)


def _unknown(name: str) -> DataNotFoundError:
    near = difflib.get_close_matches(name, data_names(), n=1, cutoff=0.0)[0]
    return DataNotFoundError(
        f"There is no data set {name!r}.",
        f"The nearest is {near!r}. There are {', '.join(data_names())}, folder:PATH (images), "
        "arrays:PATH (numbers), text:PATH and hf:OWNER/NAME. Your own is known where --import or "
        "TICKET_IMPORT names the file that registers it.",
    )
