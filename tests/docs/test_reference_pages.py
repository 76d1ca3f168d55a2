"""The pages about data and recipes name everything that there is."""

from __future__ import annotations

from pathlib import Path

from ticket_hub.data import data_names
from ticket_hub.recipe import Recipe, recipe_names
from ticket_hub.recipe.tables import key_paths

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_every_recipe_has_its_row() -> None:
    page = (DOCS / "recipes.md").read_text("utf-8")
    assert [name for name in recipe_names() if f"\n| `{name}` |" not in page] == []


def test_every_key_of_a_recipe_is_explained() -> None:
    page = (DOCS / "recipes.md").read_text("utf-8")
    keys = [path for path in key_paths(Recipe) if "." in path]
    assert [key for key in keys if f"`{key}`" not in page] == []


def test_every_data_set_has_its_row() -> None:
    page = (DOCS / "data.md").read_text("utf-8")
    assert [name for name in data_names() if f"\n| `{name}` |" not in page] == []
