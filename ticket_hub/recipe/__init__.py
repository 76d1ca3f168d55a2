"""Recipes: everything that is needed to repeat a search, as frozen values and as TOML."""

from ticket_hub.recipe.packaged import load_recipe, recipe_names
from ticket_hub.recipe.pruning_spec import PruningSpec
from ticket_hub.recipe.recipe import PARTS, PartialRecipe, Recipe, recipe_of
from ticket_hub.recipe.spec import DataSpec, NetworkSpec, SearchSpec, TrainingSpec

__all__ = [
    "PARTS",
    "DataSpec",
    "NetworkSpec",
    "PartialRecipe",
    "PruningSpec",
    "Recipe",
    "SearchSpec",
    "TrainingSpec",
    "load_recipe",
    "recipe_names",
    "recipe_of",
]
