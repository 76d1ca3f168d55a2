"""What reading every record of evidence has in common: its kind, its spelling, whose it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ticket_hub.bundle import strict
from ticket_hub.bundle.experiment_record import About
from ticket_hub.bundle.manifest import Manifest
from ticket_hub.errors import BundleFormatError, EvidenceError, RecipeError

__all__ = ["decode_as_written", "demand_in", "read_or_refuse"]

R = TypeVar("R")


def read_or_refuse(
    read: Callable[[Any], R],
    table: Any,  # noqa: ANN401 - any JSON value
    wrong: Callable[[str], EvidenceError],
) -> R:
    """What `read` makes of a table that a stranger wrote.

    Args:
        read: takes what it needs out of the table, and may stumble over whatever is not there.
        wrong: the error of this kind of record, given a reason.

    Raises:
        EvidenceError: it is no record, or says what cannot be.
    """
    try:
        return read(table)
    except EvidenceError:  # says what is wrong, and is a ValueError, too
        raise
    except RecipeError as error:
        raise wrong(error.problem) from error
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise wrong("a part of it is missing or of another kind") from error


def decode_as_written(
    data: bytes | bytearray, source: str, read: Callable[[Any], R], encode: Callable[[R], bytes]
) -> R:
    """A record from its bytes in a bundle.

    Its digest names its file, so that a record has one spelling: two would be two records.

    Args:
        source: names the file in errors.

    Raises:
        BundleFormatError: it is no record, or has another spelling than `encode` gives.
    """
    try:
        record = read(strict.parse(data, source=source))
    except EvidenceError as error:
        raise BundleFormatError(f"{source}: {error.problem}", error.remedy) from error
    if encode(record) != data:
        raise BundleFormatError(
            f"{source} has another spelling than the one that is written.",
            "Fetch the bundle again, or ask its author to write it again.",
        )
    return record


def demand_in(manifest: Manifest, name: str, record: R, demand: Callable[[R, About], None]) -> R:
    """A record of a bundle, once it is known to be about its tickets.

    Args:
        name: of its file.
        demand: raises EvidenceError where the record is about others.

    Raises:
        BundleFormatError: it is.
    """
    try:
        demand(record, About.of(manifest))
    except EvidenceError as error:
        raise BundleFormatError(f"{name}: {error.problem}", error.remedy) from error
    return record
