"""A file of dense starting weights and one or more files of masks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from ticket_hub.bundle.importers.files import read_tensors, refusal
from ticket_hub.bundle.importers.fitting import fit_mask, fit_weights, match_by_order
from ticket_hub.bundle.importers.found import Found, FoundTrial, Hints
from ticket_hub.bundle.importers.knowledge import architecture_of
from ticket_hub.networks import outline
from ticket_hub.types import Architecture

__all__ = ["BY_ORDER", "names_for", "read_pair", "unsuffixed"]

SUFFIX = "_mask"
BY_ORDER = "Parameters were matched with the network's by order and shape, not by name."


def read_pair(path: Path, hints: Hints) -> Found:
    """Tickets from `path` (theta0) and the masks of the hints, level by level.

    Raises:
        ImportRefusedError: no masks were named, a file is not of tensors, or they do not fit.
        NetworkError: the network that was named cannot be.
    """
    if not hints.masks:
        raise refusal(
            "A file of weights alone is no ticket.", "Name the file of its mask with `--mask`."
        )
    architecture = architecture_of(hints)
    theta0 = read_tensors(hints.theta0 or path)
    names, notes = names_for(theta0, architecture, path)
    masks = {
        level: fit_mask(unsuffixed(read_tensors(file)), names, architecture)
        for level, file in enumerate(hints.masks, 1)
    }
    trial = FoundTrial(theta0=fit_weights(theta0, names, architecture), masks=masks)
    return Found(
        system="pair",
        source=f"{path.name} with {', '.join(file.name for file in hints.masks)}",
        architecture=architecture,
        start=hints.start or 0,
        trials=(trial,),
        notes=(*notes, "That these weights are the start of training is the importer's word."),
    )


def unsuffixed(masks: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Masks by parameter name; `fc.weight_mask` is the mask of `fc.weight`."""
    return {name.removesuffix(SUFFIX): value for name, value in masks.items()}


def names_for(
    found: Mapping[str, Tensor], architecture: Architecture, path: Path
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Their name -> ours, and what is to be said about it.

    The network's own names are taken as they are. Others are matched by order and shape, from a
    file that keeps the order (safetensors does not).
    """
    ours = outline(architecture).shapes
    bare = {name: name.removeprefix("module.") for name in found}
    if not set(bare.values()) & set(ours) and path.suffix != ".safetensors":
        matched = match_by_order(found, architecture)
        if matched:
            return matched, (BY_ORDER,)
    return bare, ()
