from __future__ import annotations

from pathlib import Path

import pytest

import ticket_hub


@pytest.fixture(scope="session")
def found(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of a short search on digits: three trials, levels 0 to 5."""
    changes = {
        "network.name": "lenet-24",
        "training.iterations": 120,
        "training.evaluate_every": 30,
        "training.backend": "stack",
        "search.levels": 5,
        "search.trials": 3,
    }
    run = tmp_path_factory.mktemp("found") / "run"
    return ticket_hub.find("digits-quick", changes=changes, run_folder=run, workers=1).run
