"""A user's own data sets: a function joins with one decorator, and is then known by its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import torch

from ticket_hub.data.dataset import Part, Published
from ticket_hub.errors import DataError
from ticket_hub.registry import Registry

__all__ = ["READERS", "own_names", "read_own", "register_dataset"]

Reader: TypeAlias = Callable[[Path], Published]


READERS: Registry[Reader] = Registry("data.name")


def register_dataset(name: str) -> Callable[[Reader], Reader]:
    """Register a function that reads a data set with classes: images, numbers or texts.

    It is given the folder of the data sets (`--data-dir`, `TICKET_DATA`), and returns the parts as
    their authors give them; validation examples are held out by the recipe where it has none.

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
    """
    if not name or ":" in name:
        raise DataError(f"A data set cannot be called {name!r}.", "Give it a name without a colon.")
    return READERS.register(name)


def own_names() -> list[str]:
    """The names that were registered, plugins' too, sorted."""
    return sorted(READERS.names())


def read_own(name: str, root: Path) -> Published | None:
    """The data set of a registered name; None where nobody has registered it.

    Raises:
        PluginError: a plugin that might register it cannot be imported.
        DataError: its function returned something else.
    """
    reader = READERS.find(name)
    if reader is None:
        return None
    published = reader(root)
    if not isinstance(published, Published):
        raise DataError(
            f"The function of the data set {name!r} returned a {type(published).__name__}.",
            "Let it return a ticket_hub.data.Published.",
        )
    for part in (published.train, published.test, published.validation):
        if part is not None:
            _check(name, part)
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
