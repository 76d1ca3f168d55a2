"""What must hold of a data set, whoever reads it, before anything is trained on it."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from ticket_hub.data.dataset import InputKind, Part, Published
from ticket_hub.errors import DataError
from ticket_hub.recipe import DataSpec

__all__ = ["check_examples", "check_preparation"]

_MEANINGLESS: Mapping[InputKind, tuple[str, ...]] = {
    "images": ("tokenizer",),
    "features": ("size", "crop", "flip", "tokenizer"),
    "tokens": ("crop", "flip"),
}
"""Keys of a recipe's data that say nothing about examples of a kind."""

_OF = {"tokenizer": "texts"}


def check_preparation(spec: DataSpec, train: Part) -> None:
    """Refuse to prepare numbers or texts as if they were images.

    Raises:
        DataError: as said, with the key.
    """
    for key in _MEANINGLESS[train.kind]:
        if getattr(spec, key):
            raise DataError(
                f"data.{key} is for {_OF.get(key, 'images')}, and the examples of {spec.name} are "
                f"{train.kind}.",
                f"Leave data.{key} out.",
            )


def check_examples(spec: DataSpec, published: Published) -> None:
    """Refuse parts that are empty, unlike each other, or hold what nothing can be learned from.

    Raises:
        DataError: as said, with the part and the first example.
    """
    if published.classes < 2:  # noqa: PLR2004 - classes are told from each other
        raise DataError(
            f"All examples of {spec.name} are of one class.",
            "Use data of two classes at least; to predict numbers, use your own loop: "
            "ticket_hub.own.",
        )
    parts = {"training": published.train, "test": published.test}
    if published.validation is not None:
        parts["validation"] = published.validation
    first = (published.train.kind, published.train.inputs.shape[1:])
    for name, part in parts.items():
        if not len(part):
            raise DataError(f"{spec.name} has no {name} examples.", "Use another data set.")
        if (part.kind, part.inputs.shape[1:]) != first:
            raise DataError(
                f"{spec.name} has training {first[0]} of shape {tuple(first[1])}, and {name} "
                f"{part.kind} of {tuple(part.inputs.shape[1:])}.",
                "Give every part examples of one kind and shape.",
            )
        _check_inputs(f"the {name} examples of {spec.name}", part, published.vocabulary)
        if int(part.labels.min()) < 0 or int(part.labels.max()) >= published.classes:
            raise DataError(
                f"{spec.name} has {name} labels from {int(part.labels.min())} to "
                f"{int(part.labels.max())} for {published.classes} classes.",
                "Give every example a label, counted from 0.",
            )


def _check_inputs(where: str, part: Part, vocabulary: int) -> None:
    if part.kind == "features":
        broken = torch.nonzero(~part.inputs.flatten(1).isfinite().all(1))
        if len(broken):
            raise DataError(
                f"There are NaN or infinite numbers among {where}, first in example "
                f"{int(broken[0])}.",
                "Leave such examples out, or fill them in.",
            )
    if part.kind == "tokens":
        low, high = int(part.inputs.min()), int(part.inputs.max())
        if not 0 <= low <= high < vocabulary:
            raise DataError(
                f"There are words from {low} to {high} among {where}, for a vocabulary of "
                f"{vocabulary}.",
                "Number the words from 1 on, with 0 after the end of a text.",
            )
