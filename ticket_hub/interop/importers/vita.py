"""Checkpoints of VITA's CV_LTH_Pre-training and its relatives: `{state}checkpoint.pth.tar`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ticket_hub.interop.importers.files import is_plain, read_checkpoint, read_tensors
from ticket_hub.interop.importers.fitting import fit_mask, fit_weights
from ticket_hub.interop.importers.imported import Hints, ImportedTickets, ImportedTrial
from ticket_hub.interop.importers.naming import parted
from ticket_hub.interop.importers.refusals import refusal
from ticket_hub.interop.importers.unknown import architecture_of
from ticket_hub.interop.registry import register_importer
from ticket_hub.networks import architecture_for, outline
from ticket_hub.recipe import NetworkSpec
from ticket_hub.types import Architecture

__all__ = ["read_vita"]

FILE = re.compile(r"(\d{1,4})(checkpoint|model_SA_best)\.pth\.tar")
REWOUND = re.compile(r"epoch_(\d{1,6})_rewind_weight\.pt")
NORMALIZE = "normalize."
SMALL, LARGE = (3, 32, 32), (3, 224, 224)
CANDIDATES = (
    ("small-resnet-18", SMALL),
    ("small-resnet-34", SMALL),
    ("timm:resnet18", LARGE),
    ("timm:resnet34", LARGE),
    ("timm:resnet50", LARGE),
)


def _is_checkpoint(source: Path, hints: Hints) -> bool:
    if source.is_file():
        return FILE.fullmatch(source.name) is not None and not hints.masks
    return any(FILE.fullmatch(path.name) for path in source.iterdir())


@register_importer("vita", recognizes=_is_checkpoint)
def read_vita(path: Path, hints: Hints) -> ImportedTickets:
    """Every state of a folder of checkpoints, or the one of a single checkpoint.

    State s is level s. theta0 is `init_weight`, or where a checkpoint has none the file of
    rewound weights beside it; the `weight_orig` of a state are trained, and never taken.

    Raises:
        ImportRefusedError: no dense starting weights, no counterpart of the network, or a file
            that holds more than tensors and plain values.
    """
    # The last checkpoint of a state comes before the best one.
    files = [path] if path.is_file() else sorted(path.iterdir())  # "checkpoint" sorts first
    found: dict[int, Mapping[str, Any]] = {}
    for file in files:
        name = FILE.fullmatch(file.name)
        if not name and not path.is_file():
            continue
        state = read_checkpoint(file)
        if not isinstance(state, Mapping) or not isinstance(state.get("state_dict"), Mapping):
            raise refusal(f"{file.name} is no checkpoint: it has no state_dict.")
        level = state.get("state", int(name[1]) if name else None)
        if not isinstance(level, int) or level < 0:
            raise refusal(f"{file.name} does not say which state it is of.")
        found.setdefault(level, state)
    if not any(found):
        raise refusal(f"{path.name} has no checkpoint of a state above 0, and so no mask.")
    states = dict(sorted(found.items()))
    theta0 = _theta0(states, path if path.is_dir() else path.parent, hints)
    architecture = _network(theta0, hints)
    names = {name: name for name in theta0}
    masks = {
        level: fit_mask(
            parted(_plain(state["state_dict"]))[1], names, architecture, f"state {level}"
        )
        for level, state in states.items()
        if level
    }
    mean, std = (_normalization(states, key) for key in ("mean", "std"))
    return ImportedTickets(
        system="vita",
        source="/".join(path.resolve().parts[-2:]),
        architecture=architecture,
        mean=mean if std else None,
        std=std if mean else None,
        start=_start(path if path.is_dir() else path.parent, hints),
        trials=(ImportedTrial(theta0=fit_weights(theta0, names, architecture), masks=masks),),
    )


def _plain(state: Mapping[str, Any]) -> dict[str, Tensor]:
    """Tensors under the names of the bare network, without the layer that normalizes inputs."""
    return {
        bare: value.detach()
        for name, value in state.items()
        if is_plain(value) and not (bare := str(name).removeprefix("module.")).startswith(NORMALIZE)
    }


def _theta0(
    states: Mapping[int, Mapping[str, Any]], folder: Path, hints: Hints
) -> dict[str, Tensor]:
    if hints.theta0 is not None:
        return _plain(read_tensors(hints.theta0))
    starts = [
        _plain(state["init_weight"])
        for state in states.values()
        if isinstance(state.get("init_weight"), Mapping)
    ]
    if not starts:
        starts = [_plain(read_tensors(file)) for file in _rewound(folder)]
    if not starts:
        raise refusal(
            "The checkpoints have no init_weight, so the dense starting weights cannot be had: "
            "weight_orig is trained.",
            "Give the file of the starting weights with `--theta0`.",
        )
    for other in starts[1:]:
        if other.keys() != starts[0].keys() or not all(
            torch.equal(other[name], value) for name, value in starts[0].items()
        ):
            raise refusal(
                "The checkpoints disagree about init_weight.",
                "Give the file of the starting weights with `--theta0`.",
            )
    return starts[0]


def _rewound(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.iterdir()) if REWOUND.fullmatch(file.name)]


def _start(folder: Path, hints: Hints) -> int:
    if hints.start is not None:
        return hints.start
    for file in _rewound(folder):
        raise refusal(
            f"theta0 was rewound, as {file.name} shows, and the files do not say how many "
            "iterations an epoch has.",
            "Give the iteration that theta0 is of with `--start`.",
        )
    return 0


def _network(theta0: Mapping[str, Tensor], hints: Hints) -> Architecture:
    """The network that the user names, or the first with the same parameters and shapes."""
    if hints.network:
        return architecture_of(hints)
    shapes = {name: tuple(value.shape) for name, value in theta0.items()}
    if "fc.weight" in shapes and any(name.startswith("layer1.") for name in shapes):
        for name, images in CANDIDATES:
            found = architecture_for(
                NetworkSpec(name=name), hints.input_shape or images, shapes["fc.weight"][0]
            )
            if outline(found).shapes == shapes:
                return found
    raise refusal(
        "The weights are of no network that is known here.",
        "ResNet-18 and 34 with the stem for small images, and timm's ResNets, are; name another "
        "with `--network`, `--input-shape` and `--classes`.",
    )


def _normalization(states: Mapping[int, Mapping[str, Any]], key: str) -> tuple[float, ...] | None:
    for state in states.values():
        for name, value in state["state_dict"].items():
            bare = str(name).removeprefix("module.")
            if bare == NORMALIZE + key and is_plain(value):
                return tuple(value.flatten().tolist())
    return None
