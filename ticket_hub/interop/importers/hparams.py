"""open_lth's `hparams.log`, and the recipe of ours that comes nearest to it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from ticket_hub.errors import ImportRefusedError, RecipeError
from ticket_hub.interop.importers.refusals import refusal, refuse_stand_in
from ticket_hub.networks import outline
from ticket_hub.recipe import PARTS, PartialRecipe, Recipe, recipe_of
from ticket_hub.recipe.axes import check_names
from ticket_hub.recipe.pruning_spec import named_kind
from ticket_hub.types import Architecture

__all__ = [
    "KnownData",
    "iterations",
    "known_data",
    "nearest_recipe",
    "per_epoch",
    "read_hparams",
    "unsaid",
]

Hparams: TypeAlias = Mapping[str, Mapping[str, str]]
"""Heading -> key -> value, as texts."""

DATA, MODEL, TRAINING, PRUNING = (
    f"{part} Hyperparameters" for part in ("Dataset", "Model", "Training", "Pruning")
)
BEFORE = "Pretraining "
"""Begins the headings of the data and the training before the first level, if there was any."""

OUTPUTS = {"fc.weight", "model.fc.weight"}
"""What open_lth calls the weight of the output layer."""

MAX_BYTES = 1 << 20
STEP = re.compile(r"(?:(\d{1,9})ep)?(?:(\d{1,9})it)?")
ABOUT = (
    "The recipe of Ticket Hub's that comes nearest to hparams.log of open_lth. There, all training "
    "images were used and none held out, initial biases and batch norms are drawn otherwise, and "
    "seeds of weights are not on record."
)
SAID = {
    DATA: {"dataset_name", "batch_size", "do_not_augment"},
    MODEL: {"model_name", "model_init", "batchnorm_init"},
    TRAINING: {
        *("optimizer_name", "lr", "training_steps", "momentum", "nesterov_momentum"),
        *("milestone_steps", "gamma", "warmup_steps", "weight_decay"),
    },
    PRUNING: {"pruning_strategy", "pruning_fraction", "pruning_layers_to_ignore"},
}
"""What a recipe here can say of a log."""


@dataclass(frozen=True, kw_only=True)
class KnownData:
    """A data set of open_lth, whose normalization is fixed.

    Attributes:
        name: of the data set here.
        examples: number of training images.
        mean, std: per channel, what inputs are normalized with.
        size: of its images, in pixels on each side; 0 where they are as they are.
        augmented: keys of a recipe's data that say how training images are augmented.
    """

    name: str
    examples: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    size: int = 0
    augmented: Mapping[str, Any]


IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
KNOWN_DATA: Mapping[str, KnownData] = {
    "mnist": KnownData(name="mnist", examples=60_000, mean=(0.1307,), std=(0.3081,), augmented={}),
    "cifar10": KnownData(
        name="cifar10",
        examples=50_000,
        mean=IMAGENET_MEAN,  # so it is in open_lth's datasets/cifar10.py
        std=IMAGENET_STD,
        augmented={"flip": True, "crop": 4},
    ),
    "imagenet": KnownData(
        name="imagenet",
        examples=1_281_167,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        size=224,
        augmented={"flip": True},
    ),
}


def read_hparams(path: Path) -> dict[str, dict[str, str]]:
    """The blocks of a log: a heading, then lines of `    * key => value`.

    Raises:
        ImportRefusedError: it cannot be read, or is no such log.
    """
    try:
        with path.open("rb") as stream:
            text = stream.read(MAX_BYTES).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise refusal(f"{path.name} cannot be read: {error}.") from error
    blocks: dict[str, dict[str, str]] = {}
    for line in text.splitlines():
        key, arrow, value = line.strip().removeprefix("* ").partition(" => ")
        if arrow and blocks:
            blocks[next(reversed(blocks))][key.strip()] = value.strip()
        elif line.strip():
            blocks[line.strip()] = {}
    if MODEL not in blocks:
        refuse_stand_in(path, text.encode())
        raise refusal(f"{path.name} names no model.")
    return blocks


def known_data(hparams: Hparams) -> KnownData | None:
    """What is known here of the data that a log names, or None."""
    return KNOWN_DATA.get(hparams.get(DATA, {}).get("dataset_name", ""))


def per_epoch(hparams: Hparams) -> int | None:
    """Iterations of an epoch: the last, smaller batch counts; None for data not known here."""
    data = hparams.get(DATA, {})
    known = known_data(hparams)
    try:
        share, batch = float(data.get("subsample_fraction", 1)), int(data["batch_size"])
    except (KeyError, ValueError):
        return None
    if known is None or batch <= 0 or not 0 < share <= 1:
        return None
    return math.ceil(known.examples * share / batch)


def iterations(text: str, epoch: int | None) -> int:
    """A step such as `160ep`, `500it` or `1ep50it` as iterations.

    Args:
        epoch: the iterations of an epoch; None where that is not known.

    Raises:
        ImportRefusedError: it is no step, or the length of an epoch is needed and not known.
    """
    step = STEP.fullmatch(text.strip())
    if step is None or not step[0]:
        raise refusal(
            f"The step {text[:40]!r} is none that open_lth writes.",
            "Steps are written as `160ep`, `500it` or `1ep50it`; give the iteration that theta0 "
            "is of with `--start`.",
        )
    epochs, rest = int(step[1] or 0), int(step[2] or 0)
    if epochs and epoch is None:
        raise refusal(
            f"The step {text[:40]!r} cannot be told in iterations: how many an epoch of this data "
            "set has is not known.",
            "Give the iteration that theta0 is of with `--start`.",
        )
    return epochs * (epoch or 0) + rest


def nearest_recipe(
    hparams: Hparams, architecture: Architecture, *, start: int, levels: int, trials: int
) -> Recipe | PartialRecipe:
    """The recipe that comes nearest; a part that has no name here is not known."""
    known = known_data(hparams)
    search = {"levels": levels, "trials": trials, "rewind": f"{start}it" if start else "init"}
    init = hparams[MODEL].get("model_init", "").replace("_", "-")
    parts = {
        "network": (
            None
            if init not in {"kaiming-normal", "orthogonal"}
            else {"name": architecture.name, "init": init, "options": dict(architecture.options)}
        ),
        "data": None if known is None else _data(hparams[DATA], known),
        "training": _training(hparams, per_epoch(hparams)),
        "pruning": _pruning(hparams.get(PRUNING, {}), architecture),
        "search": None if _pretrained_otherwise(hparams) else search,
    }
    possible = {part: table if _is_possible(part, table) else None for part, table in parts.items()}
    data = "" if known is None else f"-{known.name}"
    name = f"open-lth-{architecture.name.replace(':', '-')}{data}"
    try:
        return recipe_of({"name": name, "about": ABOUT} | possible)
    except RecipeError:  # rewinding to a step behind the end of training
        return recipe_of({"name": name, "about": ABOUT} | possible | {"search": None})


def _is_possible(part: str, table: dict[str, Any] | None) -> bool:
    """Whether a part of a recipe can be so, whatever the others are."""
    try:
        recipe = recipe_of({"name": part} | dict.fromkeys(PARTS) | {part: table})
        check_names(recipe.to_table())
    except RecipeError:
        return False
    return True


def unsaid(hparams: Hparams) -> list[str]:
    """What a log says and the nearest recipe does not, one sentence each."""
    notes = []
    more = [
        f"{key} => {value}"
        for heading, keys in SAID.items()
        for key, value in hparams.get(heading, {}).items()
        if key not in keys
    ]
    if more:
        notes.append(f"hparams.log also says what no recipe here can: {', '.join(more)}.")
    if _pretrained_otherwise(hparams):
        notes.append(
            "theta0 is from a pretraining with settings of its own, which no recipe here can say."
        )
    known = known_data(hparams)
    if known is not None and known.name == "imagenet":
        notes.append("Training images were cropped at random sizes and shapes.")
    return notes


def _pretrained_otherwise(hparams: Hparams) -> bool:
    """Whether theta0 is from other data or another training than the search's own first steps.

    Rewinding copies all settings but the steps; a pretraining may have any.
    """
    before, search = (dict(hparams.get(f"{when}{TRAINING}", {})) for when in (BEFORE, ""))
    before.pop("training_steps", None)
    search.pop("training_steps", None)
    if f"{BEFORE}{TRAINING}" not in hparams:
        return False
    return before != search or hparams.get(f"{BEFORE}{DATA}") != hparams.get(DATA)


def _data(data: Mapping[str, str], known: KnownData) -> dict[str, Any]:
    augmented = {} if "do_not_augment" in data else known.augmented
    return {"name": known.name, "normalize": "standard", "size": known.size, **augmented}


def _training(hparams: Hparams, epoch: int | None) -> dict[str, Any] | None:
    try:
        given = hparams[TRAINING]
        steps = iterations(given["training_steps"], epoch)
        nesterov = float(given.get("nesterov_momentum", 0))
        stones = [text for text in given.get("milestone_steps", "").split(",") if text.strip()]
        return {
            "iterations": steps,
            "batch_size": int(hparams[DATA]["batch_size"]),
            "optimizer": given["optimizer_name"],
            "lr": float(given["lr"]),
            "momentum": float(given.get("momentum", 0)) or nesterov,
            "nesterov": bool(nesterov),
            "weight_decay": float(given.get("weight_decay", 0)),
            "schedule": "milestones" if stones else "constant",
            "milestones": [iterations(text, epoch) for text in stones],
            "gamma": float(given.get("gamma", 0.1)),
            "warmup": iterations(given.get("warmup_steps", "0it"), epoch),
            "evaluate_every": max(1, min(epoch or steps, steps)),
        }
    except (ImportRefusedError, KeyError, ValueError):
        return None


def _pruning(pruning: Mapping[str, str], architecture: Architecture) -> dict[str, Any] | None:
    """Scope and rates, or None where the strategy, or what it leaves out, has no name here."""
    ignored = {name for name in pruning.get("pruning_layers_to_ignore", "").split(",") if name}
    try:
        rate = float(pruning.get("pruning_fraction", 0.2))
    except ValueError:
        return None
    if pruning.get("pruning_strategy") != "sparse_global" or ignored - OUTPUTS:
        return None
    kinds = {named_kind(layer.kind, ()) for layer in outline(architecture).layers}
    rates = {kind: rate for kind in sorted(kinds) if not (ignored and kind == "output")}
    return {"scope": "global", "rates": rates}
