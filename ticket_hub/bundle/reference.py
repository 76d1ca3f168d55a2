"""Pretrained weights that theta0 refers to: on this machine, known by their digest.

Nothing is fetched here. Who can fetch (`ticket_hub.hub.pull`) joins `FETCHERS`, and is asked
where the file is not on this machine.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ticket_hub.bundle import strict
from ticket_hub.errors import BundleDigestError, SourceMissingError, StorageError, TicketHubError
from ticket_hub.home import cache_folder, expanded

if TYPE_CHECKING:
    from torch import Tensor

    from ticket_hub.bundle.manifest_records import Reference
    from ticket_hub.types import Weights

__all__ = [
    "FETCHERS",
    "kept_weights",
    "local_file",
    "missing_source",
    "not_of_source",
    "same_bits",
    "source_tensors",
]

SUFFIX = ".safetensors"

FETCHERS: list[Callable[[Reference], object]] = []
"""Each puts the file of a reference where `local_file` finds it, or raises why it cannot."""


def kept_weights(sha256: str, suffix: str = SUFFIX) -> Path:
    """Where a file of weights lies that was fetched, or that a person has brought."""
    return cache_folder() / "weights" / f"{sha256}{suffix}"


def local_file(reference: Reference) -> Path | None:
    """The file of that size on this machine, its bytes not looked at: kept here, or its author's.

    The name that a stranger's bundle gives a file of its author's is looked at for its size alone
    until all its bytes are read for the digest.
    """
    places = [kept_weights(reference.sha256)]
    if reference.source.startswith("file:"):
        with contextlib.suppress(StorageError):  # the home folder of somebody of another machine
            places.append(expanded(reference.source.removeprefix("file:")))
    for place in places:
        try:
            if place.is_file() and place.stat().st_size == reference.size:
                return place
        except OSError:  # a folder that may not be read
            continue
    return None


def source_tensors(reference: Reference, shapes: Mapping[str, tuple[int, ...]]) -> Weights:
    """The tensors of a theta0 that are of its source, by our names, floats as float32.

    Shapes:
        Each as `shapes[name]` has it, where that is known.

    Raises:
        SourceMissingError: the file is not on this machine, and cannot be fetched.
        BundleDigestError: it has other bytes, or lacks a tensor or has one of another shape.
    """
    path = local_file(reference) or _fetched(reference)
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != reference.sha256:
        raise BundleDigestError(
            f"{path} is not the file that theta0 refers to ({reference.source}): its sha256 "
            "differs.",
            _bring(reference),
        )
    tensors = _parsed(data, path, reference)
    found = {}
    for ours, theirs in reference.names.items():
        value = tensors.get(theirs)
        if value is None or shapes.get(ours, tuple(value.shape)) != tuple(value.shape):
            raise BundleDigestError(
                f"{reference.source} has no {theirs!r} of the shape that {ours!r} has in theta0.",
                "Ask the bundle's author to write it again.",
            )
        found[ours] = value.float() if value.is_floating_point() else value
    return found


def not_of_source(theta0: Weights, reference: Reference | None) -> Weights:
    """What a theta0 stores itself beside its reference; all of it without one."""
    return {n: v for n, v in theta0.items() if reference is None or n not in reference.names}


def same_bits(one: Tensor, two: Tensor) -> bool:
    """Whether two tensors have the same type, shape and bytes: 0 is not -0 here."""
    import torch  # slow, and fetching does without it

    if one.dtype != two.dtype or one.shape != two.shape:
        return False
    first, second = (each.cpu().contiguous().reshape(-1).view(torch.uint8) for each in (one, two))
    return torch.equal(first, second)


def _fetched(reference: Reference) -> Path:
    reason = ""
    for fetch in FETCHERS:
        try:
            fetch(reference)
        except TicketHubError as error:
            reason = reason or error.problem
        found = local_file(reference)
        if found is not None:
            return found
    raise missing_source(reference, reason)


def missing_source(reference: Reference, reason: str) -> SourceMissingError:
    """The error for weights that are not here, with what to bring."""
    return SourceMissingError(
        f"These tickets start from {reference.source}, which is not on this machine "
        f"({reference.size:,} bytes). {reason}".strip(),
        _bring(reference),
    )


def _bring(reference: Reference) -> str:
    return (
        f"Bring the file with the sha256 {reference.sha256} as {kept_weights(reference.sha256)}, "
        "or ask the author for a bundle that was pushed with `--theta0 dense`."
    )


def _parsed(data: bytes, path: Path, reference: Reference) -> Mapping[str, Tensor]:
    """Its header is bounded before the library parses it."""
    import safetensors.torch

    from ticket_hub.bundle.tensors import header_size

    size = header_size(data[:8], path.name)
    strict.parse(data[8 : 8 + size], source=path.name)
    try:
        return dict(safetensors.torch.load(data))
    except Exception as error:  # a hostile file may make the reader raise anything
        raise BundleDigestError(
            f"{reference.source} is not a file of safetensors.",
            "Ask the bundle's author to write it again, with `--theta0 dense`.",
        ) from error
