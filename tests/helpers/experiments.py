"""Evidence as `ticket retrain` writes it, about the tickets of any bundle, without training."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from ticket_hub.bundle import open_bundle
from ticket_hub.recipe import Recipe
from ticket_hub.recipe.experiment_spec import ExperimentSpec
from ticket_hub.transfer.retraining import tickets_of

Table = dict[str, Any]


def evidence_table(
    bundle: Path,
    *,
    level: int = 2,
    seed: int = 0,
    who: str = "Ada",
    data: str = "",
    dense: float | None = None,
) -> Table:
    """A record about one level, whose ticket is 10 points better than its reinitialization.

    Args:
        dense: what the dense network comes to, where it was trained too; the ticket comes to 0.9.
            Then the trials have some spread, without which there is no verdict.
    """
    found = open_bundle(bundle)
    manifest = found.manifest
    recipe = manifest.recipe
    assert isinstance(recipe, Recipe)
    spec = ExperimentSpec(
        network=recipe.network,
        theta0=("0" * 64,),
        data=replace(recipe.data, name=data) if data else recipe.data,
        training=recipe.training,
        seed=seed,
    )
    tickets = found.level(level).tickets
    spread = 0.0 if dense is None else 0.001
    levels: Table = {
        "level": level,
        "head": "kept",
        "transferred_density": 0.5,
        "networks": {
            "reinit": {
                "trials": [_trial(t.trial, t.id, 0.8 - spread * t.trial, seed=7) for t in tickets]
            },
            "ticket": {"trials": [_trial(t.trial, t.id, 0.9) for t in tickets]},
        },
    }
    if dense is not None:
        trials = [_trial(t.trial, "0" * 64, dense - spread * t.trial) for t in tickets]
        levels["networks"]["dense"] = {"trials": trials}
    return {
        "format": 1,
        "bit_exact": True,
        "environment": {"device": "Abacus", "torch": "2.13.0", "python": "3.11"},
        "experiment": {"digest": spec.digest, "spec": spec.to_table()},
        "levels": [levels],
        "tickets": tickets_of(found),
        "who": who,
    }


def _trial(trial: int, ticket: str, accuracy: float, seed: int | None = None) -> Table:
    return {
        "trial": trial,
        "origin": trial,
        "ticket": ticket,
        "order_seed": 100 + trial,
        "seed": seed,
        "kept": 50,
        "prunable": 100,
        "backend": "plain",
        "test_accuracy": accuracy + trial / 100,
        "early_stop": 40,
    }


def write_run(folder: Path, table: Table) -> Path:
    """The folder of a finished experiment."""
    (folder / "results/002").mkdir(parents=True)
    (folder / "experiment.json").write_text("{}")
    (folder / "results/002/ticket-0.json").write_text("{}")
    (folder / "evidence.json").write_text(json.dumps(table, ensure_ascii=False), "utf-8")
    return folder


def with_curves(table: Table, readings: int = 5) -> Table:
    """The same record, whose networks have learned evenly up to what they came to."""
    iterations = [100 * place for place in range(readings)]
    for level in table["levels"]:
        for network in level["networks"].values():
            network["curves"] = [
                {
                    "iterations": iterations,
                    "validation_accuracy": [
                        round(trial["test_accuracy"] * place / (readings - 1), 4)
                        for place in range(readings)
                    ],
                    "test_accuracy": [None] * (readings - 1) + [trial["test_accuracy"]],
                }
                for trial in network["trials"]
            ]
    return table
