from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.own_loops import Net, train
from ticket_hub.own import Search
from ticket_hub.recipe import PruningSpec


@pytest.fixture
def search(tmp_path: Path) -> Callable[..., Search]:
    """A search of two levels with two trials of a small network."""

    def make(**changes: Any) -> Search:  # noqa: ANN401 - any setting
        given: dict[str, Any] = {
            "levels": 2,
            "trials": 2,
            "folder": tmp_path / "run",
            "pruning": PruningSpec(),
        }
        return Search(changes.pop("make_network", Net), **(given | changes))

    return make


@pytest.fixture(scope="session")
def found(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of a finished search with three trials."""
    folder = tmp_path_factory.mktemp("found") / "run"
    for step in Search(Net, levels=2, trials=3, folder=folder):
        step.finish(test=train(step))
    return folder
