"""open_lth's `hparams.log`, and the recipe of ours that comes nearest to it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from ticket_hub.bundle.importers.files import refusal
from ticket_hub.errors import RecipeError
from ticket_hub.networks import outline
from ticket_hub.recipe import Recipe
from ticket_hub.types import Architecture

__all__ = [
    "KnownData",
    "iterations",
    "known_data",
    "nearest_recipe",
    "per_epoch",
    "read_hparams",
]

Hparams: TypeAlias = Mapping[str, Mapping[str, str]]
"""Heading -> key -> value, as texts."""

MOST_BYTES = 1 << 20
STEP = re.compile(r"(\d{1,9})(ep|it)")
ABOUT = (
    "The recipe of Ticket Hub's that comes nearest to hparams.log of open_lth. There, all training "
    "images were used and none held out, initial biases and batch norms are drawn otherwise, and "
    "seeds are not on record."
)


@dataclass(frozen=True, kw_only=True)
class KnownData:
    """A data set of open_lth: its name here, training images, and fixed normalization."""

    name: str
    examples: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


KNOWN_DATA: Mapping[str, KnownData] = {
    "mnist": KnownData(name="mnist", examples=60_000, mean=(0.1307,), std=(0.3081,)),
    "cifar10": KnownData(
        name="cifar10",
        examples=50_000,
        mean=(0.4914, 0.4822, 0.4465),
        std=(0.2023, 0.1994, 0.2010),
    ),
}


def read_hparams(path: Path) -> dict[str, dict[str, str]]:
    """The blocks of a log: a heading, then lines of `    * key => value`.

    Raises:
        ImportRefusedError: it cannot be read, or is no such log.
    """
    try:
        with path.open("rb") as stream:
            text = stream.read(MOST_BYTES).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise refusal(f"{path.name} cannot be read: {error}.") from error
    blocks: dict[str, dict[str, str]] = {}
    for line in text.splitlines():
        key, arrow, value = line.strip().removeprefix("* ").partition(" => ")
        if arrow and blocks:
            blocks[next(reversed(blocks))][key.strip()] = value.strip()
        elif line.strip():
            blocks[line.strip()] = {}
    if "Model Hyperparameters" not in blocks:
        raise refusal(f"{path.name} names no model.")
    return blocks


def known_data(hparams: Hparams) -> KnownData | None:
    """What is known here of the data that a log names, or None."""
    return KNOWN_DATA.get(hparams.get("Dataset Hyperparameters", {}).get("dataset_name", ""))


def per_epoch(hparams: Hparams) -> int | None:
    """Iterations of an epoch: the last, smaller batch counts; None for data not known here."""
    data = hparams.get("Dataset Hyperparameters", {})
    known = known_data(hparams)
    try:
        share, batch = float(data.get("subsample_fraction", 1)), int(data["batch_size"])
    except (KeyError, ValueError):
        return None
    return math.ceil(known.examples * share / batch) if known and batch > 0 else None


def iterations(text: str, epoch: int | None) -> int:
    """A step such as `160ep` or `500it` as iterations.

    Raises:
        ImportRefusedError: it is no step, or the length of an epoch is needed and not known.
    """
    step = STEP.fullmatch(text.strip())
    if step is None or (step[2] == "ep" and int(step[1]) and epoch is None):
        raise refusal(
            f"The step {text[:40]!r} cannot be told in iterations.",
            "Give the iteration that theta0 is of with `--start`.",
        )
    return int(step[1]) * (1 if step[2] == "it" else epoch or 0)


def nearest_recipe(
    hparams: Hparams, architecture: Architecture, *, start: int, levels: int, trials: int
) -> Recipe | None:
    """The recipe that comes nearest, or None where data, pruning or training have no name here."""
    data = hparams.get("Dataset Hyperparameters", {})
    known = known_data(hparams)
    rates = _rates(hparams.get("Pruning Hyperparameters", {}), architecture)
    epoch = per_epoch(hparams)
    if known is None or not rates or epoch is None:
        return None
    augmented = known.name == "cifar10" and "do_not_augment" not in data
    init = hparams["Model Hyperparameters"].get("model_init", "").replace("_", "-")
    table = {
        "name": f"open-lth-{architecture.name.replace(':', '-')}-{known.name}",
        "about": ABOUT,
        "network": {
            "name": architecture.name,
            "init": init if init in {"kaiming-normal", "orthogonal"} else "default",
            "options": dict(architecture.options),
        },
        "data": {
            "name": known.name,
            "normalize": "standard",
            "flip": augmented,
            "crop": 4 if augmented else 0,
        },
        "pruning": {"scope": "global", "rates": rates},
        "search": {
            "levels": levels,
            "trials": trials,
            "rewind": f"{start}it" if start else "init",
        },
    }
    try:
        return Recipe.from_table(table | {"training": _training(hparams, epoch)})
    except (RecipeError, KeyError, ValueError):
        return None


def _training(hparams: Hparams, epoch: int) -> dict[str, object]:
    given = hparams["Training Hyperparameters"]
    steps = iterations(given["training_steps"], epoch)
    nesterov = float(given.get("nesterov_momentum", 0))
    stones = [text for text in given.get("milestone_steps", "").split(",") if text.strip()]
    return {
        "iterations": steps,
        "batch_size": int(hparams["Dataset Hyperparameters"]["batch_size"]),
        "optimizer": given["optimizer_name"],
        "lr": float(given["lr"]),
        "momentum": nesterov or float(given.get("momentum", 0)),
        "nesterov": bool(nesterov),
        "weight_decay": float(given.get("weight_decay", 0)),
        "schedule": "milestones" if stones else "constant",
        "milestones": [iterations(text, epoch) for text in stones],
        "gamma": float(given.get("gamma", 0.1)),
        "warmup": iterations(given.get("warmup_steps", "0it"), epoch),
        "evaluate_every": min(epoch, steps),
    }


def _rates(pruning: Mapping[str, str], architecture: Architecture) -> dict[str, float]:
    """Rates by kind, or none where the strategy, or what it leaves out, has no name here."""
    ignored = {name for name in pruning.get("pruning_layers_to_ignore", "").split(",") if name}
    try:
        rate = float(pruning.get("pruning_fraction", 0.2))
    except ValueError:
        return {}
    if pruning.get("pruning_strategy") != "sparse_global" or ignored - {"fc.weight"}:
        return {}
    kinds = {layer.kind for layer in outline(architecture).layers}
    return {kind: rate for kind in sorted(kinds) if not (ignored and kind == "output")}
