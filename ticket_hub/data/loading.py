"""A data set of a recipe: read by its name, scaled, checked and split."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from ticket_hub.data.adaptation import resized
from ticket_hub.data.checks import check_examples, check_preparation
from ticket_hub.data.dataset import DataSet, Part
from ticket_hub.data.dataset_files import DatasetFiles, Fetch
from ticket_hub.data.digests import PUBLISHED
from ticket_hub.data.download import fetch_published
from ticket_hub.data.packing import open_packed
from ticket_hub.data.preparation import split
from ticket_hub.data.registry import read
from ticket_hub.home import data_folder, expanded
from ticket_hub.recipe import DataSpec

__all__ = ["load"]

_log = logging.getLogger("ticket_hub")


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
    files = DatasetFiles(name=spec.name, root=expanded(root), digests=digests, fetch=fetch)
    on_disk = spec.storage == "disk"
    published = open_packed(spec, files.root) if on_disk else read(spec, files)
    check_preparation(spec, published.train)
    if spec.size and not on_disk and published.train.kind == "images":
        published = published.map(
            lambda part: Part(inputs=resized(part.inputs, spec.size, spec.size), labels=part.labels)
        )
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
