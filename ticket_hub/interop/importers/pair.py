"""A file of dense starting weights and one or more files of masks."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from ticket_hub.interop.importers.files import MASKS, WEIGHTS, read_tensors
from ticket_hub.interop.importers.fitting import fit_mask, fit_weights
from ticket_hub.interop.importers.imported import Hints, ImportedTickets, ImportedTrial
from ticket_hub.interop.importers.naming import names_for, parted
from ticket_hub.interop.importers.refusals import refusal
from ticket_hub.interop.importers.unknown import architecture_of
from ticket_hub.interop.registry import register_importer

__all__ = ["read_pair"]


@register_importer("pair", recognizes=lambda source, hints: source.is_file() and any(hints.masks))
def read_pair(path: Path, hints: Hints) -> ImportedTickets:
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
    start = hints.theta0 or path
    theta0 = parted(read_tensors(start))[0]
    names, notes = names_for(theta0, architecture, start)
    masks = {
        level: fit_mask(_read_mask(file), names, architecture, file.name)
        for level, file in enumerate(hints.masks, 1)
    }
    trial = ImportedTrial(theta0=fit_weights(theta0, names, architecture), masks=masks)
    return ImportedTickets(
        system="pair",
        source=f"{path.name} with {', '.join(file.name for file in hints.masks)}",
        architecture=architecture,
        start=hints.start or 0,
        trials=(trial,),
        notes=(*notes, "That these weights are the start of training is the importer's word."),
    )


def _read_mask(file: Path) -> dict[str, Tensor]:
    """Masks by name; of a pruned module's state dict its masks alone."""
    found = read_tensors(file, MASKS + WEIGHTS)
    return parted(found)[1] or found
