from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from ticket_hub.recipe import Recipe
from ticket_hub.recipes import load_recipe


@pytest.fixture
def tiny() -> Recipe:
    """Three levels of two small networks on digits, a few iterations each."""
    return load_recipe("digits-quick").replace(
        {
            "network.name": "lenet-8",
            "training.iterations": 12,
            "training.evaluate_every": 4,
            "training.backend": "stack",
            "search.levels": 2,
            "search.trials": 2,
        }
    )


@pytest.fixture
def files_of() -> Callable[[Path], dict[str, str]]:
    """The sha256 of every file in a run folder but its lock."""

    def digests(folder: Path) -> dict[str, str]:
        return {
            str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.name != "lock"
        }

    return digests
