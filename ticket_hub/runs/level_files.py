"""Levels as files: one safetensors file a trial, its mask in the bundle, and the seal over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from ticket_hub.bundle.layout import mask_file
from ticket_hub.bundle.packing import pack, unpack
from ticket_hub.runs.level import Ending, Level, Trial
from ticket_hub.runs.sealed import sealed_tensors, write_for_bundle, write_tensors
from ticket_hub.training import Curves, Trained
from ticket_hub.types import Mask, Weights

__all__ = ["flatten", "measured_of", "read_mask", "read_trials", "trained_of", "write_trials"]


def write_trials(folder: Path, level: Level, bundle: Path) -> dict[str, Any]:
    """Write the files of a level durably, masks into the bundle; returns what its seal says."""
    entries = []
    for number, trial in enumerate(level.trials):
        bits = {name: pack(keep) for name, keep in trial.mask.items()}
        mask = write_for_bundle(bundle / mask_file(number, level.index), bits)
        entry = write_tensors(folder / f"trial-{number}.safetensors", flatten(trial.trained))
        done = {"backend": trial.trained.backend, "iterations": trial.trained.iterations}
        done |= measured_of(trial.trained)
        if trial.trained.settled is not None:
            done["settled"] = trial.trained.settled
        entries.append(entry | done | {"seed": trial.seed, "mask": mask})
    return {
        "index": level.index,
        "density": level.density,
        "ending": None if level.ending is None else asdict(level.ending),
        "trials": entries,
    }


def read_trials(
    folder: Path, seal: Mapping[str, Any], theta0: Sequence[Weights], bundle: Path
) -> Level:
    """The level that a seal and its files describe.

    Raises:
        RunError: a file is missing or damaged.
        KeyError, TypeError, ValueError: the seal lacks something.
    """
    ending, index = seal["ending"], int(seal["index"])
    pairs = enumerate(zip(seal["trials"], theta0, strict=True))
    return Level(
        index=index,
        density=float(seal["density"]),
        trials=tuple(
            Trial(
                seed=int(entry["seed"]),
                theta0=start,
                mask=read_mask(folder, entry, bundle / mask_file(number, index), start),
                trained=trained_of(entry, sealed_tensors(folder, entry)),
            )
            for number, (entry, start) in pairs
        ),
        ending=None if ending is None else Ending(**ending),
        resumed=True,
    )


def read_mask(folder: Path, entry: Mapping[str, Any], path: Path, theta0: Weights) -> Mask:
    """The mask of one trial at one level, its digest checked.

    Args:
        folder: of the level.
        entry: of the trial in the level's seal; of runs that kept masks twice, it names none, and
            the mask is in the file of the trial.
        path: of the mask in the bundle.
        theta0: which has the shapes of the mask.

    Raises:
        RunError: the file is missing or damaged.
        KeyError, TypeError: the entry lacks something, or is of other weights.
    """
    if "mask" not in entry:
        return _part(sealed_tensors(folder, entry), "mask/")
    packed = sealed_tensors(folder, entry["mask"], path)
    return {
        name: unpack(bits, tuple(theta0[name].shape), str(path)) for name, bits in packed.items()
    }


def trained_of(entry: Mapping[str, Any], flat: Mapping[str, Tensor]) -> Trained:
    """A trained network from its entry in a seal and the tensors of its file."""
    return Trained(
        weights=_part(flat, "trained/"),
        curves=replace(
            Curves.of_columns(flat["readings"]), measured=dict(entry.get("numbers", {}))
        ),
        snapshots={},
        iterations=int(entry["iterations"]),
        backend=str(entry["backend"]),
        settled=entry.get("settled"),
    )


def measured_of(trained: Trained) -> dict[str, Any]:
    """What an entry says of other numbers that were measured: nothing, unless there are some."""
    return {"numbers": dict(trained.curves.measured)} if trained.curves.measured else {}


def flatten(trained: Trained) -> dict[str, Tensor]:
    """A trained network as named tensors; `trained_of` gives it back.

    Weights have their shapes; `readings` is float64 `(evaluations, 5)`, the fields of `Curves`.
    """
    flat = {f"trained/{name}": value for name, value in trained.weights.items()}
    flat["readings"] = trained.curves.columns
    return flat


def _part(flat: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value for name, value in flat.items() if name.startswith(prefix)
    }
