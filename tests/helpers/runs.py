"""A search of seconds, and what a run has left on disk."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ticket_hub.recipe import Recipe, load_recipe


def tiny_recipe(trials: int) -> Recipe:
    """Three levels of small networks on digits, a few iterations each."""
    return load_recipe("digits-quick").replace(
        {
            "network.name": "lenet-8",
            "training.iterations": 12,
            "training.evaluate_every": 4,
            "training.backend": "stack",
            "search.levels": 2,
            "search.trials": trials,
        }
    )


def files(folder: Path) -> dict[str, str]:
    """The sha256 of every file in a run folder but its lock."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "lock"
    }
