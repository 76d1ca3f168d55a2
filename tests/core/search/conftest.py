from __future__ import annotations

import pytest

from tests.helpers.runs import tiny_recipe
from ticket_hub.recipe import Recipe


@pytest.fixture
def tiny() -> Recipe:
    """Three levels of two small networks on digits, a few iterations each."""
    return tiny_recipe(trials=2)
