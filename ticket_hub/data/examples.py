"""Examples as a program has them in memory: arrays, tensors, pictures, texts, torch Datasets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ticket_hub.data.adaptation import resized
from ticket_hub.data.arrays import to_inputs
from ticket_hub.data.pictures import stacked, to_pixels
from ticket_hub.data.texts import PARTS
from ticket_hub.errors import DataError

__all__ = ["ExampleKind", "class_names", "collect", "kind_of", "label_array", "to_part",
           "to_texts"]  # fmt: skip

MAX_CLASSES = 1_000_000
_SETS = (Dataset, DataLoader)

ExampleKind: TypeAlias = Literal["numbers", "pictures", "texts"]

NAMES = tuple(names[0] for names in PARTS)
WHAT = (
    "Give (x, y), a torch Dataset of such pairs, or a dict with 'train' and, where you have them, "
    "'val' and 'test', each one of these."
)


def collect(data: object) -> tuple[dict[str, tuple[Any, Any]], object]:
    """Inputs and labels of each part (`train`, `val`, `test`), and what is said of the classes.

    Raises:
        DataError: they are nothing of this kind.
    """
    given = dict(data) if isinstance(data, Mapping) else {"train": data}
    classes = given.pop("classes", None)
    if classes is None:
        classes = getattr(given.get("train"), "classes", None)
    parts = {}
    if isinstance(data, tuple | list) and any(isinstance(each, _SETS) for each in data):
        raise DataError(
            "Several data sets were given, and not which is which.",
            "Name them, as {'train': one, 'test': other}.",
        )
    for key, part in given.items():
        names = [names[0] for names in PARTS if str(key).lower() in names]
        if not names or names[0] in parts:
            raise DataError(f"The data have a part {key!r}.", WHAT)
        parts[names[0]] = _pair(part, names[0])
    if "train" not in parts:
        raise DataError("The data have no part 'train'.", WHAT)
    return {name: parts[name] for name in NAMES if name in parts}, classes


def _pair(part: object, name: str) -> tuple[Any, Any]:
    if isinstance(part, tuple | list) and len(part) == 2:  # noqa: PLR2004 - x, y
        return part[0], part[1]
    if isinstance(part, DataLoader):
        raise DataError(f"The {name} part is a DataLoader.", "Give its data set: `loader.dataset`.")
    tensors = getattr(part, "tensors", None)
    if isinstance(tensors, tuple) and len(tensors) == 2:  # noqa: PLR2004 - a TensorDataset
        return tensors
    if not (hasattr(part, "__getitem__") and hasattr(part, "__len__")):
        raise DataError(f"The {name} part is a {type(part).__name__}.", WHAT)
    # All examples of a Dataset, each read once: what it draws at random would be frozen.
    count = len(part)
    if not count:
        raise DataError(f"The {name} part has no examples.", "Use another data set.")
    items = [part[place] for place in range(count)]
    if any(not isinstance(item, tuple | list) or len(item) != 2 for item in items):  # noqa: PLR2004
        raise DataError(f"An example of the {name} part is no pair (x, y).", WHAT)
    again = part[0]
    if not np.array_equal(np.asarray(items[0][0]), np.asarray(again[0])):
        raise DataError(
            f"The first example of the {name} part is another each time it is read.",
            "Leave random transforms out: data.flip and data.crop augment images, or train in "
            "your own loop with ticket_hub.own.",
        )
    xs, ys = [item[0] for item in items], [_plain(item[1]) for item in items]
    if isinstance(xs[0], Tensor | np.ndarray):
        shapes = {tuple(x.shape) for x in xs}
        if len(shapes) > 1:
            raise DataError(
                f"The {name} examples have {len(shapes)} shapes, such as {sorted(shapes)[:2]}.",
                "Give all examples one shape.",
            )
        return torch.stack([torch.as_tensor(x) for x in xs]), ys
    return (np.asarray(xs) if isinstance(xs[0], int | float) else xs), ys


def _plain(label: Any) -> Any:  # noqa: ANN401 - a label
    return label.item() if isinstance(label, Tensor | np.ndarray | np.generic) else label


def label_array(labels: Any, name: str) -> NDArray[np.generic]:  # noqa: ANN401 - as a program has them
    """Labels as an array.

    Raises:
        DataError: they are no array.
    """
    values = labels.detach().cpu() if isinstance(labels, Tensor) else labels
    try:
        found = np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"The labels of the {name} part are no array: {error}.", WHAT) from error
    names = found.dtype.kind == "O" and all(isinstance(label, str) for label in found.flat)
    return found.astype(str) if names else found  # of names as pandas has them


def class_names(said: object, found: tuple[str, ...]) -> tuple[str, ...]:
    """The names of the classes: those that are said, else those that are found.

    Raises:
        DataError: fewer are said than there are, or too many.
    """
    if isinstance(said, int):
        if said > MAX_CLASSES:
            raise DataError(f"There cannot be {said:,} classes.", f"Give at most {MAX_CLASSES:,}.")
        names = tuple(map(str, range(said)))
    elif isinstance(said, Sequence) and not isinstance(said, str):
        names = tuple(map(str, said))
    else:
        return found
    if len(names) < len(found):
        raise DataError(
            f"There are labels of {len(found)} classes, and {len(names)} are named.",
            "Labels are counted from 0: give 'classes' as many as there are.",
        )
    return names


def kind_of(inputs: object) -> ExampleKind:
    """What examples are, by the first of them."""
    if isinstance(inputs, Tensor):
        return "numbers"
    if isinstance(inputs, np.ndarray) and inputs.dtype.kind != "O":
        return "texts" if inputs.dtype.kind in "US" else "numbers"
    known = isinstance(inputs, Sequence) or hasattr(inputs, "__array__")  # as columns of pandas do
    first = next(iter(inputs), None) if known and isinstance(inputs, Iterable) else None
    if isinstance(first, str):
        return "texts"
    return "pictures" if hasattr(first, "convert") and hasattr(first, "mode") else "numbers"


def to_texts(inputs: Iterable[object], name: str) -> list[str]:
    """Texts as they are.

    Raises:
        DataError: one is something else, such as a missing value.
    """
    for place, text in enumerate(inputs):
        if not isinstance(text, str):
            raise DataError(
                f"Example {place} of the {name} part is {type(text).__name__}, and others are "
                "texts.",
                "Leave such examples out, or give the text that they are to have.",
            )
    return [str(text) for text in inputs]


def to_part(inputs: Any, name: str, *, tokens: bool, size: int = 0) -> Tensor:  # noqa: ANN401 - as a program has them
    """Numbers or pictures as `Part` takes them.

    Args:
        tokens: whole numbers `(examples, length)` are those of words.
        size: the side that pictures of several sizes are scaled to; 0 refuses them.

    Raises:
        DataError: they are no such examples.
    """
    where = f"the {name} part"
    if kind_of(inputs) == "pictures":
        try:
            pixels = [to_pixels(picture, 0) for picture in inputs]
            if size and len({each.shape[1:] for each in pixels}) > 1:
                pixels = [resized(each[None], size, size)[0] for each in pixels]
            return stacked(pixels, where)
        except ValueError as error:
            raise DataError(f"A picture of {where} cannot be used: {error}.", WHAT) from error
    try:
        values = inputs.detach().cpu() if isinstance(inputs, Tensor) else np.asarray(inputs)
    except ValueError as error:
        raise DataError(
            f"The examples of {where} have several lengths or shapes.",
            "Give all of them one shape; fill numbers of words up with 0.",
        ) from error
    if not tokens:
        return to_inputs(values, where)
    try:
        numbers = torch.as_tensor(values)
    except TypeError as error:
        raise DataError(
            f"{where[0].upper()}{where[1:]} holds neither texts nor numbers.", WHAT
        ) from error
    if numbers.is_floating_point() or numbers.ndim != 2:  # noqa: PLR2004 - examples, length
        raise DataError(
            f"{where[0].upper()}{where[1:]} is {numbers.dtype} {tuple(numbers.shape)}, and the "
            "network reads the numbers of words.",
            "Give whole numbers (examples, length), with 0 after the end of a text.",
        )
    return numbers.long()[:, None, None, :].contiguous()
