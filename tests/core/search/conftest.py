from __future__ import annotations

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
            "search.levels": 2,
            "search.trials": 2,
        }
    )
