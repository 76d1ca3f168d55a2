"""Labels as numbers, and a test part for data that come without one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ticket_hub.data.dataset import Part, Published
from ticket_hub.errors import DataError
from ticket_hub.seeds import derive_seed
from ticket_hub.shapes import Int64

__all__ = ["numbered", "published_parts", "test_fifth"]

MAX_EMPTY = 10_000
"""Classes that whole numbers may count, where there are fewer examples."""


def test_fifth(
    labels: Int64[Tensor, " examples"], classes: int, split_seed: int
) -> tuple[list[int], list[int]]:
    """Indices of the training and the test part: a fifth of every class, drawn by seed."""
    generator = torch.Generator().manual_seed(derive_seed(split_seed, "test"))
    test: set[int] = set()
    for number in range(classes):
        members = torch.nonzero(labels == number).flatten()
        order = torch.randperm(len(members), generator=generator)
        test.update(members[order[: round(len(members) / 5)]].tolist())
    return [i for i in range(len(labels)) if i not in test], sorted(test)


def numbered(
    labels: Sequence[NDArray[np.generic]], where: str
) -> tuple[list[Tensor], tuple[str, ...]]:
    """The labels of each part as int64 from 0 on, and the names of the classes.

    Whole numbers stay as they are, and the classes are those up to the largest. Texts are numbered
    in the order of their names.

    Raises:
        DataError: they are neither, or not one for each example, or there would be far more
            classes than examples.
    """
    known = sorted({kind for part in labels for kind in (part.dtype.kind,)})
    if any(part.ndim != 1 for part in labels) or not set(known) <= set("iubUS"):
        raise DataError(
            f"The labels of {where} are neither whole numbers nor texts, one for each example.",
            "A class is a number from 0 on, or a name. To predict numbers, use your own loop: "
            "ticket_hub.own.",
        )
    if set(known) <= set("iub"):
        numbers = [torch.from_numpy(part.astype(np.int64)) for part in labels]
        most = max((int(part.max()) for part in numbers if len(part)), default=0)
        if most >= max(sum(map(len, numbers)), MAX_EMPTY):
            raise DataError(
                f"The labels of {where} go up to {most:,}, of {sum(map(len, numbers)):,} examples.",
                "Count the classes from 0 on, without gaps, or name them: labels may be texts. To "
                "predict numbers, use your own loop: ticket_hub.own.",
            )
        return numbers, tuple(map(str, range(most + 1)))
    texts = [part.astype(str).tolist() for part in labels]
    names = sorted({text for part in texts for text in part})
    place = {name: number for number, name in enumerate(names)}
    return [torch.tensor([place[text] for text in part]) for part in texts], tuple(names)


def published_parts(
    parts: Sequence[Part], names: tuple[str, ...], split_seed: int, *, vocabulary: int = 0
) -> Published:
    """The parts in their order: all, training and test, or training, validation and test."""
    if len(parts) == 1:
        rest, test = test_fifth(parts[0].labels, len(names), split_seed)
        parts = [parts[0].take(torch.tensor(part, dtype=torch.int64)) for part in (rest, test)]
    return Published(
        train=parts[0],
        test=parts[-1],
        validation=parts[1] if len(parts) > 2 else None,  # noqa: PLR2004 - all three
        classes=len(names),
        class_names=names,
        vocabulary=vocabulary,
    )
