"""A recipe for what a program has in memory: a function that builds the network, and examples."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ticket_hub.data import DataSet, keep, load, normalized, suggested
from ticket_hub.errors import NetworkError, RecipeError
from ticket_hub.networks import architecture_for, build, register_factory
from ticket_hub.networks.factory import PREFIX
from ticket_hub.networks.own_function import Make, made
from ticket_hub.networks.transformers_families import PREFIX as TRANSFORMERS
from ticket_hub.recipe import DataSpec, Recipe
from ticket_hub.types import Architecture

__all__ = ["described"]

BATCH = 64
EPOCHS = 20
ITERATIONS = (200, 20_000)
READINGS = 20
"""Evaluations of one training."""
BERT_TICKETS = {"scope": "global", "schedule": "linear", "rates": {"fc": 0.1, "output": 0.0}}


def described(
    recipe: Recipe | None,
    network: Make | str | None,
    data: object,
    changes: Mapping[str, Any],
    data_dir: Path | str | None,
) -> Recipe:
    """The recipe of a search for a network and data of the user's own.

    Args:
        recipe: what is not given and not changed; None takes usual settings, see `_usual`.
        network: a function that builds it, or a name; None is the recipe's.
        data: as `ticket_hub.data.keep` takes them, or a name; None is the recipe's.
        changes: keys of the recipe that are to be so, whatever the data suggest.
        data_dir: where the data sets lie.

    Raises:
        RecipeError: without a recipe, network or data are missing.
        NetworkError, DataError: as `register_factory`, `ticket_hub.data.keep` and the first forward
            pass say.
    """
    if recipe is None and (network is None or data is None):
        raise RecipeError(
            "There is neither a recipe nor both a network and data.",
            "Name a recipe, or give network=... and data=...",
        )
    asked: dict[str, Any] = {}
    if network is not None:
        named = network if isinstance(network, str) else register_factory(network)
        asked |= {"network.name": named, "network.options": {}, "network.weights": ""}
        asked["network.weights_sha256"] = ""
    if data is not None:
        size = changes.get("data.size", recipe.data.size if recipe else 0)
        sides = size if type(size) is int else 0  # what is none, the recipe refuses
        name = data
        if not isinstance(data, str):
            name = keep(data, data_dir, tokens=_embeds(network), size=sides)
        asked["data.name"] = name
        found = load(DataSpec(name=str(changes.get("data.name", name)), validation=1), data_dir)
        asked |= suggested(found) | (_training(found) if recipe is None else {})
        if network is not None and not isinstance(network, str):
            asked["network.options"] = _inputs(found)
    if recipe is None:
        recipe = _usual(str(asked["network.name"]), asked["data.name"])
    wanted = recipe.replace({**asked, **changes})
    if wanted.network.name.startswith(PREFIX):
        _try(wanted, data_dir)
    return wanted


def _embeds(network: Make | str | None) -> bool:
    """Whether a network looks words up: then whole numbers are those of words."""
    if network is None or isinstance(network, str):
        return network is not None and network.startswith(("encoder-", TRANSFORMERS))
    try:
        module = made(network)
    except NetworkError:
        return False  # it asks for an Architecture, which is not known yet
    return any(isinstance(part, nn.Embedding | nn.EmbeddingBag) for part in module.modules())


def _training(data: DataSet) -> dict[str, Any]:
    """How long is trained on examples that no recipe knows, and how they are normalized."""
    examples, batch = len(data.train) + len(data.validation), min(BATCH, len(data.train))
    least, most = ITERATIONS
    iterations = min(max(EPOCHS * examples // batch, least), most)
    asked: dict[str, Any] = {
        "training.batch_size": batch,
        "training.iterations": iterations,
        "training.evaluate_every": iterations // READINGS,
    }
    if data.kind == "features" and data.input_shape[1:] == (1, 1):
        asked["data.normalize"] = "standard"
    return asked


def _inputs(data: DataSet) -> dict[str, str]:
    """How a function's module takes the examples, where their shape alone does not say it."""
    _, height, width = data.input_shape
    if data.kind == "tokens":
        return {"inputs": "tokens"}
    is_sequence = data.kind == "features" and height == 1 and width > 1
    return {"inputs": "sequence"} if is_sequence else {}


def _usual(network: str, data: str) -> Recipe:
    """Adam for 20 epochs (200 to 20,000 steps), ten rounds of 20% layer by layer, three trials.

    Networks of `transformers` are pruned as in Chen et al. 2020: all matrices but the head's in one
    ranking, a tenth of all weights a round, nine rounds; AdamW of lr 5e-5.
    """
    of_transformers = network.startswith(TRANSFORMERS)
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", network.removeprefix(PREFIX)).strip("-._")[:100]
    return Recipe.from_table(
        {
            "name": name or "own",
            "network": {"name": network},
            "data": {"name": data},
            "training": {
                "iterations": 1000,
                "batch_size": BATCH,
                "optimizer": "adamw" if of_transformers else "adam",
                "lr": 5e-5 if of_transformers else 0.001,
            },
            "pruning": BERT_TICKETS if of_transformers else {},
            "search": {"levels": 9 if of_transformers else 10},
        }
    )


def _try(recipe: Recipe, data_dir: Path | str | None) -> None:
    """Let a few real examples through real weights, before anything is trained.

    Raises:
        NetworkError: the network fails on them, or does not give finite numbers.
    """
    data = load(recipe.data, data_dir, notify=lambda _: None)
    architecture = architecture_for(recipe.network, data.input_shape, data.classes)
    module = build(architecture).eval()
    chosen = [0, len(data.train) - 1]
    if data.kind == "tokens":
        chosen.append(int(data.train.inputs.flatten(1).amax(1).argmax()))
    inputs = normalized(data.train.inputs[chosen], data)
    try:
        with torch.no_grad():
            logits = module(inputs)
    except Exception as error:  # an author's own module may raise anything
        raise _failing(architecture, f"{type(error).__name__}: {error}") from error
    if not bool(torch.isfinite(logits).all()):
        raise _failing(architecture, "its numbers are NaN or infinite")


def _failing(architecture: Architecture, reason: str) -> NetworkError:
    return NetworkError(
        f"{architecture.name!r} fails on the data's own examples: {reason[:300]}.",
        "Mend its forward pass; numbers of words must be below the size of its embedding.",
    )
