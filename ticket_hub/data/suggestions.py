"""What a recipe says of examples that were given in Python, unless somebody says otherwise."""

from __future__ import annotations

from ticket_hub.data.dataset import DataSet

__all__ = ["suggested"]

HELD_OUT = 10
MAX_HELD_OUT = 5000
"""Validation examples: one of ten, at most so many."""


def suggested(data: DataSet) -> dict[str, object]:
    """How many examples are held out, and what the examples cannot be: key -> value.

    Args:
        data: loaded with any number of validation examples.
    """
    examples = len(data.train) + len(data.validation)
    asked: dict[str, object] = {"data.validation": max(1, min(examples // HELD_OUT, MAX_HELD_OUT))}
    if data.kind != "images":
        asked |= {"data.size": 0, "data.crop": 0, "data.flip": False}
    return asked
