from __future__ import annotations

import pytest

from ticket_hub.errors import RecipeError
from ticket_hub.recipe import Recipe
from ticket_hub.recipes import load_recipe, recipe_names


@pytest.mark.parametrize("name", recipe_names())
def test_every_packaged_recipe_survives_a_round_trip_through_plain_values(name: str) -> None:
    recipe = load_recipe(name)
    assert Recipe.from_table(recipe.to_table()) == recipe


def test_the_digest_ignores_what_is_written_for_people() -> None:
    recipe = load_recipe("digits-quick")
    assert recipe.replace({"about": "other words"}).digest == recipe.digest


def test_the_digest_changes_with_any_number() -> None:
    recipe = load_recipe("digits-quick")
    assert recipe.replace({"training.lr": 0.5}).digest != recipe.digest


def test_an_unknown_key_is_refused_and_the_nearest_named() -> None:
    with pytest.raises(RecipeError, match=r"training\.iterations"):
        load_recipe("digits-quick").replace({"training.iteratons": 5})
