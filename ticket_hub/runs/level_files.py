"""Levels as files: one safetensors file a trial, and the values of the seal over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ticket_hub.runs.level import Ending, Level, Trial
from ticket_hub.runs.sealed import sealed_tensors, write_tensors
from ticket_hub.training import Curves, Trained
from ticket_hub.types import Weights

__all__ = ["read_trials", "trial_file", "write_trials"]


def trial_file(folder: Path, trial: int) -> Path:
    """The file of one trial in a level's folder."""
    return folder / f"trial-{trial}.safetensors"


def write_trials(folder: Path, level: Level) -> dict[str, Any]:
    """Write the files of a level durably; returns what its seal says of them."""
    entries = []
    for number, trial in enumerate(level.trials):
        entry = write_tensors(trial_file(folder, number), _flatten(trial))
        done = {"backend": trial.trained.backend, "iterations": trial.trained.iterations}
        entries.append(entry | done | {"seed": trial.seed})
    return {
        "index": level.index,
        "density": level.density,
        "ending": None if level.ending is None else asdict(level.ending),
        "trials": entries,
    }


def read_trials(folder: Path, seal: Mapping[str, Any], theta0: Sequence[Weights]) -> Level:
    """The level that a seal and its files describe.

    Raises:
        RunError: a file is missing or damaged.
        KeyError, TypeError, ValueError: the seal lacks something.
    """
    ending = seal["ending"]
    return Level(
        index=int(seal["index"]),
        density=float(seal["density"]),
        trials=tuple(
            _trial(entry, sealed_tensors(folder, entry), start)
            for entry, start in zip(seal["trials"], theta0, strict=True)
        ),
        ending=None if ending is None else Ending(**ending),
        resumed=True,
    )


def _trial(entry: Mapping[str, Any], flat: Mapping[str, Tensor], theta0: Weights) -> Trial:
    trained = Trained(
        weights=_part(flat, "trained/"),
        curves=_curves(flat["readings"]),
        snapshots={},
        iterations=int(entry["iterations"]),
        backend=str(entry["backend"]),
    )
    return Trial(seed=int(entry["seed"]), theta0=theta0, mask=_part(flat, "mask/"), trained=trained)


def _flatten(trial: Trial) -> dict[str, Tensor]:
    flat = {f"mask/{name}": keep for name, keep in trial.mask.items()}
    flat |= {f"trained/{name}": value for name, value in trial.trained.weights.items()}
    curves = trial.trained.curves
    columns = (
        curves.iterations.double(),
        curves.validation_loss,
        curves.validation_accuracy,
        curves.test_loss,
        curves.test_accuracy,
    )
    flat["readings"] = torch.stack(columns, dim=1)
    return flat


def _curves(readings: Tensor) -> Curves:
    return Curves(
        iterations=readings[:, 0].long(),
        validation_loss=readings[:, 1].clone(),
        validation_accuracy=readings[:, 2].clone(),
        test_loss=readings[:, 3].clone(),
        test_accuracy=readings[:, 4].clone(),
    )


def _part(flat: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value for name, value in flat.items() if name.startswith(prefix)
    }
