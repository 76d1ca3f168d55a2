"""What is packed: pictures in their order, from files or from pixels in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ticket_hub.data.dataset_files import DatasetFiles
from ticket_hub.data.listing import LISTINGS, Files, Listing
from ticket_hub.data.registry import read
from ticket_hub.durable import canonical_json
from ticket_hub.errors import DataError
from ticket_hub.recipe import DataSpec
from ticket_hub.registry import supply

__all__ = ["PackSource", "source_of"]


@dataclass(frozen=True, kw_only=True)
class PackSource:
    """Pictures in their order: files, or pixels in memory."""

    parts: Sequence[int]
    labels: Sequence[int]
    items: Sequence[Path | Tensor]
    class_names: tuple[str, ...]
    notes: tuple[str, ...]
    identity: str


def source_of(spec: DataSpec, files: DatasetFiles) -> PackSource:
    """The pictures of a data set, listed where it lies as files, else read.

    Raises:
        DataError: they are no pictures.
    """
    lister = LISTINGS.find(spec.name)
    if lister is not None:
        listing: Listing = supply(lister, {"root": files.root, "files": files, "spec": spec})
        pairs: Files = [pair for part in listing.parts for pair in part]
        identity = canonical_json([[str(path), label] for path, label in pairs])
        return PackSource(
            parts=[len(part) for part in listing.parts],
            labels=[label for _, label in pairs],
            items=[path for path, _ in pairs],
            class_names=listing.class_names,
            notes=listing.notes,
            identity=hashlib.sha256(identity).hexdigest(),
        )
    published = read(spec, files)
    if published.train.kind != "images":
        raise DataError(
            f"{spec.name} has {published.train.kind}, and no pictures to pack.",
            "Leave data.storage at 'memory'.",
        )
    held = [] if published.validation is None else [published.validation]
    parts = [published.train, *held, published.test]
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.inputs.contiguous().numpy().data)
        digest.update(part.labels.numpy().data)
    names = published.class_names or tuple(map(str, range(published.classes)))
    return PackSource(
        parts=[len(part) for part in parts],
        labels=[label for part in parts for label in part.labels.tolist()],
        items=[image for part in parts for image in part.inputs],
        class_names=names,
        notes=published.notes,
        identity=digest.hexdigest(),
    )
