"""What has to agree for a fair comparison: data, preprocessing, budget, network, trials."""

from __future__ import annotations

from typing import Any

from ticket_hub.bundle.manifest import Manifest
from ticket_hub.recipe.spec import DataSpec, NetworkSpec, TrainingSpec
from ticket_hub.recipe.tables import key_paths, to_table
from ticket_hub.transfer.spec import TICKET, ExperimentSpec
from ticket_hub.transfer.stored import StoredExperiment

__all__ = ["batches", "bundle_terms", "experiment_terms"]

NO_TERMS = ("backend", "test", "train_sample")
"""What changes no result by more than rounding: which engine trained, and what is read when."""


def batches(fingerprint: str, training: TrainingSpec) -> str:
    """What a seed's batches depend on beside it: the examples, and how many a step takes."""
    return f"{fingerprint}/{training.batch_size}"


def bundle_terms(manifest: Manifest) -> dict[str, Any]:
    """The terms of the search of a bundle: dotted key -> plain value, None if unknown."""
    recipe, network = manifest.recipe, manifest.architecture
    # Of what was built: the recipe of an imported ticket may not say its network.
    known = {"network.name": network.name, "network.options": dict(network.options)}
    starts = sorted({trial.start for trial in manifest.trials})
    terms = _terms(recipe.network, recipe.data, manifest.data.fingerprint, recipe.training)
    return (
        terms
        | known
        | {
            "head": "keep",
            "start": starts[0] if len(starts) == 1 else starts,
            "trials": len(manifest.trials),
        }
    )


def experiment_terms(stored: StoredExperiment) -> dict[str, Any]:
    """The terms of an experiment, with the same keys."""
    spec, tickets = stored.spec, stored.levels[0].results[TICKET]
    fingerprint = stored.header["data"]["fingerprint"]
    known = spec if isinstance(spec, ExperimentSpec) else None
    data, training = (known.data, known.training) if known else (None, None)
    return _terms(spec.network, data, fingerprint, training) | {
        "head": tickets[0].head,
        # All networks of an experiment begin at iteration 0, whatever theta0 has behind it.
        "start": 0,
        "trials": len(tickets),
    }


def _terms(
    network: NetworkSpec | None,
    data: DataSpec | None,
    fingerprint: str | None,
    training: TrainingSpec | None,
) -> dict[str, Any]:
    parts: dict[str, tuple[type, Any]] = {
        "network": (NetworkSpec, network),
        "data": (DataSpec, data),
        "training": (TrainingSpec, training),
    }
    tables = {
        part: dict.fromkeys(key_paths(kind)) if spec is None else to_table(spec)
        for part, (kind, spec) in parts.items()
    }
    named = {
        f"{part}.{key}": value
        for part, table in tables.items()
        for key, value in table.items()
        if part == "network" or key not in NO_TERMS
    }
    return named | {"data.fingerprint": fingerprint}
