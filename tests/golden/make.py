"""Make the bundle of a released format: `python tests/golden/make.py tests/golden/format-1`.

Run once for each format; what it made stays as it is and must load for ever. It is a real search
on scikit-learn's digits, kept small: 740 prunable weights, three trials, five levels.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from ticket_hub.bundle import (
    BundleContent,
    DataRecord,
    LevelContent,
    TrialContent,
    write_bundle,
)
from ticket_hub.data import load
from ticket_hub.environment import fingerprint
from ticket_hub.networks import architecture_for
from ticket_hub.recipe import load_recipe
from ticket_hub.runs.resources import Resources
from ticket_hub.search import search

CHANGES = {
    "network.name": "lenet-10",
    "training.iterations": 1000,
    "training.evaluate_every": 125,
    "training.backend": "plain",
    "pruning.rates": {"fc": 0.3, "output": 0.15},
    "search.levels": 4,
    "search.trials": 3,
    "search.seed": 1,
}


def main(folder: Path) -> None:
    """Search, and write the bundle."""
    recipe = load_recipe("digits-quick").replace(CHANGES)
    data = load(recipe.data, Path())
    with tempfile.TemporaryDirectory() as run:
        levels = list(search(recipe, run_folder=Path(run) / "run", resources=Resources(workers=1)))
    facts = {key: fingerprint()[key] for key in ("python", "torch", "device")}
    content = BundleContent(
        recipe=recipe,
        architecture=architecture_for(recipe.network, data.input_shape, data.classes),
        data=DataRecord(
            name=recipe.data.name,
            fingerprint=data.fingerprint,
            mean=tuple(data.mean.tolist()),
            std=tuple(data.std.tolist()),
        ),
        environment=facts,
        trials=tuple(
            TrialContent(index=place, seed=trial.seed, theta0=trial.theta0)
            for place, trial in enumerate(levels[0].trials)
        ),
        levels=tuple(
            LevelContent(
                index=level.index,
                masks=tuple(trial.mask for trial in level.trials),
                curves=tuple(trial.trained.curves for trial in level.trials),
                backends=tuple(trial.trained.backend for trial in level.trials),
            )
            for level in levels
        ),
    )
    write_bundle(folder, content)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
