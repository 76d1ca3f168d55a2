"""What parameters are called in the files of others, and what they are called here."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from pathlib import Path

from torch import Tensor

from ticket_hub.interop.importers.files import is_safetensors
from ticket_hub.networks import outline
from ticket_hub.types import Architecture

__all__ = ["bare_names", "names_for", "parted", "spellings"]

BY_ORDER = "Parameters were matched with the network's by order and shape, not by name."
ORIGINAL, MASK, WEIGHT = "_orig", "_mask", ".weight"
PARALLEL = "module"
WRAPPERS = frozenset({"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"})
"""Parts of names that no network has by itself."""


def bare_names(found: Iterable[str], known: Container[str]) -> dict[str, str]:
    """Their name -> the name without what wrappers of a module put before or into it.

    `module.` is of DataParallel, `_orig_mod.` of torch.compile, `model.` and the like of a module
    that holds the network; any prefix that all names share is one where the rest is known.

    Args:
        known: names of the network; what makes most names known is taken.
    """
    names = list(found)
    bare = [[part for part in name.split(".") if part not in WRAPPERS] for name in names]
    inner = [[part for part in parts if part != PARALLEL] for parts in bare]
    choices = []
    for parts in (bare, inner):
        while parts:
            plain = [".".join(each) for each in parts]
            if len(set(plain)) == len(names):
                choices.append(plain)
            shared = len({each[0] for each in parts}) == 1 and min(map(len, parts)) > 1
            parts = [each[1:] for each in parts] if shared else []  # noqa: PLW2901 - peeled
    best = max(choices, key=lambda plain: sum(name in known for name in plain), default=names)
    return dict(zip(names, best, strict=True))


def spellings(names: Mapping[str, str], ours: Iterable[str]) -> dict[str, str]:
    """Every way in which a mask may name a parameter -> our name of it.

    `fc.weight`, `fc.weight_mask`, `fc.weight.mask`, `fc.mask` and `fc` mean the weight of `fc`.

    Args:
        names: name of the other system's weights -> ours.
        ours: all names of the network.
    """
    known = {name: name for name in ours}
    known |= {bare: names[theirs] for theirs, bare in bare_names(names, ()).items()} | dict(names)
    found: dict[str, str] = {}
    for theirs, name in known.items():
        found |= {f"{theirs}_mask": name, f"{theirs}.mask": name}
        stem = theirs.removesuffix(WEIGHT)
        if stem != theirs:
            found |= {f"{stem}.mask": name, f"{stem}_mask": name, stem: name}
    return found | known


def names_for(
    found: Mapping[str, Tensor], architecture: Architecture, path: Path
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Their name -> ours, and what is to be said about it.

    The network's own names are taken as they are, behind whatever prefix. Others are matched by
    order and shape, from a file that keeps the order (safetensors does not).
    """
    ours = outline(architecture).shapes
    bare = bare_names(found, ours)
    if not set(bare.values()) & set(ours) and not is_safetensors(path):
        # By order only for a mapping that kept the order in which its module was made.
        same = [tuple(value.shape) for value in found.values()] == list(ours.values())
        if same and found:
            return dict(zip(found, ours, strict=True)), (BY_ORDER,)
    return bare, ()


def parted(found: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Weights and masks of a module that `torch.nn.utils.prune` works on: `X_orig` and `X_mask`.

    Weights come under their plain names, in the file's order, and masks by parameter name.
    """
    masks = {
        name.removesuffix(MASK): value
        for name, value in found.items()
        if name.endswith(MASK) and name.removesuffix(MASK) + ORIGINAL in found
    }
    weights = {
        name.removesuffix(ORIGINAL) if name.removesuffix(ORIGINAL) in masks else name: value
        for name, value in found.items()
        if not (name.endswith(MASK) and name.removesuffix(MASK) in masks)
    }
    return weights, masks
