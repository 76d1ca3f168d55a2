"""Data sets are looked up by name; a user's own function joins with one decorator.

A reader declares what it needs by the names of its parameters:

    root     the folder of the data sets (`--data-dir`, `TICKET_DATA`)
    files    the published files in it, checked by their digests and fetched where they are missing
    spec     what the recipe says of the data
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch

from ticket_hub.data.dataset import Part, Published
from ticket_hub.data.dataset_files import DatasetFiles
from ticket_hub.errors import DataError, DataNotFoundError
from ticket_hub.recipe import DataSpec
from ticket_hub.registry import YOUR_OWN, Registry, supply, there_are

__all__ = ["DATASETS", "Reader", "data_names", "read", "register_dataset"]

Reader: TypeAlias = Callable[..., Published]

DATASETS: Registry[Reader] = Registry(
    "data.name", gives=("root", "files", "spec"), refusal=DataError
)


def register_dataset(name: str) -> Callable[[Reader], Reader]:
    """Register a function that reads a data set with classes: images, numbers or texts.

    It returns the parts as their authors give them; validation examples are held out by the recipe
    where it has none.

    ```python
    @register_dataset("my-shapes")
    def my_shapes(root: Path) -> Published:
        file = np.load(root / "shapes.npz")
        train, test = (
            Part(inputs=torch.from_numpy(file[f"{part}_images"]),          # uint8, (n, c, h, w)
                 labels=torch.from_numpy(file[f"{part}_labels"]).long())   # (n,)
            for part in ("train", "test")
        )
        return Published(train=train, test=test, classes=10)
    ```

    Args:
        name: what `data.name` is in a recipe; without a colon.

    Raises:
        DataError: the name has a colon, or the function asks for something else than `root`,
            `files` and `spec`.
    """
    if not name or ":" in name:
        raise DataError(f"A data set cannot be called {name!r}.", "Give it a name without a colon.")
    return DATASETS.register(name)


def data_names() -> list[str]:
    """The names of data sets, those of plugins too, sorted; those with a colon are open-ended."""
    return sorted(name for name in DATASETS.names() if ":" not in name)


def read(spec: DataSpec, files: DatasetFiles) -> Published:
    """The data set of a recipe, as its reader gives it.

    Raises:
        DataNotFoundError: there is no such data set, or it is neither on disk nor to be had.
        DataCorruptError: a file is not the published one, or no image.
        DataError: it cannot be read as `spec` says, or its function returned something else.
        PluginError: a plugin that might register it cannot be imported.
    """
    reader = DATASETS.find(spec.name)
    if reader is None:
        open_ended = [name for name in DATASETS if ":" in name]
        raise DataNotFoundError(
            f"There is no data set {spec.name!r}.",
            f"{there_are(spec.name, [*data_names(), *open_ended])} {YOUR_OWN}",
        )
    published = supply(reader, {"root": files.root, "files": files, "spec": spec})
    if not isinstance(published, Published):
        raise DataError(
            f"The function of the data set {spec.name!r} returned a {type(published).__name__}.",
            "Let it return a ticket_hub.data.Published.",
        )
    for part in (published.train, published.test, published.validation):
        if part is not None:
            _check(spec.name, part)
    return published


def _check(name: str, part: Part) -> None:
    inputs, labels = part.inputs, part.labels
    known = inputs.dtype in {torch.uint8, torch.float32, torch.int64}
    fits = known and inputs.ndim == 4 and len(inputs) == len(labels)  # noqa: PLR2004 - n, c, h, w
    if not fits or labels.dtype != torch.int64 or labels.ndim != 1:
        raise DataError(
            f"{name} has inputs of {inputs.dtype} {tuple(inputs.shape)} with labels of "
            f"{labels.dtype} {tuple(labels.shape)}.",
            "Inputs are uint8 or float32 (examples, channels, height, width), of texts int64 "
            "(examples, 1, 1, length); labels are int64 (examples,).",
        )
