"""Trees of numpy files as Google's lottery-ticket-hypothesis writes them (fully connected)."""

from __future__ import annotations

import math
import re
from pathlib import Path

import torch
from torch import Tensor

from ticket_hub.interop.importers.files import read_array
from ticket_hub.interop.importers.fitting import fit_mask, fit_weights
from ticket_hub.interop.importers.imported import Hints, ImportedTickets, ImportedTrial
from ticket_hub.interop.importers.refusals import refusal
from ticket_hub.interop.registry import register_importer
from ticket_hub.networks import architecture_for
from ticket_hub.recipe import NetworkSpec
from ticket_hub.types import Architecture, Mask

__all__ = ["read_google"]

LADDER = "same_init"
NOTES = (
    "Biases are not in the source's files: those of theta0 are 0, as the source initializes them.",
    "Weights were transposed from (in, out) to (out, in); no value was changed.",
)


def _is_tree(source: Path, _hints: Hints) -> bool:
    trees = (*source.glob("trial*/*/*/initial"), *source.glob("*/*/initial/layer0.npy"))
    return source.is_dir() and bool(trees)


@register_importer("google", recognizes=_is_tree)
def read_google(path: Path, hints: Hints) -> ImportedTickets:
    """Every trial of a data folder, or the one of a `trialN` folder.

    theta0 is `initial` of level 0, since at later levels `initial` is masked already. Layers are
    `layer0`, `layer1`, ..., so the network is a LeNet of their widths.

    Raises:
        ImportRefusedError: level 0 or a file is missing, or the inputs are of no known shape.
    """
    folders = _trials(path)
    raw = [_layers(folder / "0" / LADDER / "initial") for folder in folders]
    layers = raw[0]
    inputs, classes = layers[0].shape[1], layers[-1].shape[0]
    side = math.isqrt(inputs)
    shape = hints.input_shape or (1, side, side)
    if math.prod(shape) != inputs:
        raise refusal(
            f"Images of shape {shape} do not have the {inputs} inputs of these weights.",
            "Give their shape with `--input-shape CxHxW`.",
        )
    if len(layers) == 1:
        raise refusal("A network of one layer has no counterpart here.")
    name = "-".join(["lenet", *(str(layer.shape[0]) for layer in layers[:-1])])
    architecture = architecture_for(NetworkSpec(name=name), shape, classes)
    trials = tuple(
        ImportedTrial(theta0=_theta0(layers, architecture), masks=_masks(folder, architecture))
        for layers, folder in zip(raw, folders, strict=True)
    )
    return ImportedTickets(
        system="google",
        source="/".join(path.resolve().parts[-2:]),
        architecture=architecture,
        start=hints.start or 0,
        trials=trials,
        notes=NOTES,
    )


def _trials(path: Path) -> list[Path]:
    if (path / "0" / LADDER).is_dir():
        return [path]
    found = [each for each in path.iterdir() if re.fullmatch(r"trial\d{1,4}", each.name)]
    if not found:
        raise refusal(f"{path} has no trialN and no 0/{LADDER} in it.")
    return sorted(found, key=lambda each: int(each.name.removeprefix("trial")))


def _layers(folder: Path) -> list[Tensor]:
    """The matrices `(out, in)` of a folder, in the order of the layers."""
    files = {
        int(match[1]): file
        for file in folder.glob("layer*.npy")
        if (match := re.fullmatch(r"layer(\d{1,3})\.npy", file.name))
    }
    if sorted(files) != list(range(len(files))) or not files:
        raise refusal(
            f"{'/'.join(folder.parts[-4:])} does not hold layer0.npy, layer1.npy, ...",
            "Import a tree whose level 0 is complete: later levels are masked already.",
        )
    arrays = [read_array(files[index]) for index in range(len(files))]
    if any(array.dim() != 2 for array in arrays):  # noqa: PLR2004 - matrices
        raise refusal("A layer is no matrix.", "Only fully connected networks are known here.")
    return [array.T.contiguous() for array in arrays]


def _names(count: int) -> list[str]:
    return [*(f"hidden.{index}" for index in range(count - 1)), "output"]


def _theta0(layers: list[Tensor], architecture: Architecture) -> dict[str, Tensor]:
    found = {}
    for name, weight in zip(_names(len(layers)), layers, strict=True):
        found[f"{name}.weight"] = weight
        found[f"{name}.bias"] = torch.zeros(weight.shape[0])
    return dict(fit_weights(found, {name: name for name in found}, architecture))


def _masks(trial: Path, architecture: Architecture) -> dict[int, Mask]:
    """The ladder's masks; the folder of level 0 is empty, since it is dense."""
    masks = {}
    for folder in trial.iterdir():
        place = folder / LADDER / "masks"
        if folder.name.isdecimal() and int(folder.name) and place.is_dir():
            layers = _layers(place)
            named = {
                f"{name}.weight": keep
                for name, keep in zip(_names(len(layers)), layers, strict=True)
            }
            masks[int(folder.name)] = fit_mask(named, {}, architecture, f"level {folder.name}")
    return dict(sorted(masks.items()))
