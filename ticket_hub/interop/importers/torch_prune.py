"""A state dict of a module that `torch.nn.utils.prune` works on: `X_orig` and `X_mask`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from ticket_hub.interop.importers.files import read_tensors
from ticket_hub.interop.importers.fitting import fit_mask, fit_weights
from ticket_hub.interop.importers.imported import Hints, ImportedTickets, ImportedTrial
from ticket_hub.interop.importers.naming import ORIGINAL, names_for, parted
from ticket_hub.interop.importers.refusals import refusal
from ticket_hub.interop.importers.unknown import architecture_of
from ticket_hub.interop.importers.vita import FILE as VITA
from ticket_hub.interop.registry import register_importer

__all__ = ["read_torch_prune"]


def _is_state(source: Path, hints: Hints) -> bool:
    return source.is_file() and not hints.masks and not VITA.fullmatch(source.name)


@register_importer("torch-prune", recognizes=_is_state)
def read_torch_prune(path: Path, hints: Hints) -> ImportedTickets:
    """The ticket of one state dict; its `_orig` are theta0, or the file of theta0 in the hints.

    Raises:
        ImportRefusedError: it has no `_orig` with `_mask`, or is not of the network.
        NetworkError: the network that was named cannot be.
    """
    found = read_tensors(path)
    weights, masks = parted(found)
    if not masks:
        raise refusal(
            f"{path.name} has no parameters named X_orig with their X_mask.",
            "Weights and mask in two files are imported with `--mask FILE`; where pruning was made "
            "permanent (`prune.remove`), the weights from before it are needed, too.",
        )
    said = f"theta0 is what the file calls {ORIGINAL}; that it is untrained is the importer's word."
    if hints.theta0 is not None:
        weights = parted(read_tensors(hints.theta0))[0]
        said = (
            "theta0 is from a file of its own; that it belongs to the mask is the importer's word."
        )
    architecture = architecture_of(hints)
    order = {name: weights[name] for name in _module_order(weights)}
    names, notes = names_for(order, architecture, hints.theta0 or path)
    trial = ImportedTrial(
        theta0=fit_weights(order, names, architecture),
        masks={1: fit_mask(masks, names, architecture, path.name)},
    )
    return ImportedTickets(
        system="torch.nn.utils.prune",
        source=path.name,
        architecture=architecture,
        start=hints.start or 0,
        trials=(trial,),
        notes=(*notes, said),
    )


def _module_order(weights: Mapping[str, Tensor]) -> list[str]:
    """Pruning moves a weight behind its module's bias; a module has its weight first."""
    modules = list(dict.fromkeys(name.rpartition(".")[0] for name in weights))
    ranks = {"weight": 0, "bias": 1}
    places = {name: place for place, name in enumerate(weights)}

    def key(name: str) -> tuple[int, int, int]:
        """Module by module; in each the weight, the bias, then others as they came."""
        module, _, leaf = name.rpartition(".")
        return modules.index(module), ranks.get(leaf, 2), places[name]

    return sorted(weights, key=key)
