"""What the operator lets people ask for."""

from __future__ import annotations

from dataclasses import dataclass

from ticket_hub.errors import RecipeError
from ticket_hub.recipe import Recipe, load_recipe, recipe_names
from ticket_hub_api.jobs.requests import HEADS
from ticket_hub_api.settings import Settings

__all__ = ["Choices", "allowed_recipe", "check_data", "choices_of"]

EVERYTHING = "*"


@dataclass(frozen=True, kw_only=True)
class Choices:
    """The lists of a submit form.

    Attributes:
        recipes: name -> what it is about.
        datasets: what tickets may be trained on.
        controls, heads: of a retraining.
    """

    recipes: dict[str, str]
    datasets: tuple[str, ...]
    controls: tuple[str, ...]
    heads: tuple[str, ...] = HEADS


def choices_of(settings: Settings, controls: tuple[str, ...]) -> Choices:
    """What may be asked for: recipes and data sets that the settings name, and controls.

    Raises:
        RecipeError: a recipe of the operator's own cannot be read, or breaks the rules.
    """
    recipes = {name: each.about for name, each in _offered(settings).items()}
    datasets = _listed(settings.job_datasets)
    return Choices(recipes=recipes, datasets=datasets, controls=controls)


def _offered(settings: Settings) -> dict[str, Recipe]:
    """Packaged recipes, and files of the operator's own; each only if its data is allowed, too."""
    wanted, datasets = _listed(settings.job_recipes), _listed(settings.job_datasets)
    packaged = [name for name in recipe_names() if EVERYTHING in wanted or name in wanted]
    own = [name for name in wanted if name.endswith(".toml")]
    recipes = [load_recipe(name) for name in (*packaged, *own)]
    return {recipe.name: recipe for recipe in recipes if recipe.data.name in datasets}


def allowed_recipe(settings: Settings, name: str) -> Recipe:
    """A recipe by its name.

    Raises:
        RecipeError: the operator does not offer it, or offers a file that cannot be read or breaks
            the rules.
    """
    offered = _offered(settings)
    if name not in offered:
        raise RecipeError(
            f"The recipe {name!r} is not offered here.",
            f"Choose {_said(tuple(offered))}; the operator offers recipes with "
            "TICKET_HUB_JOB_RECIPES and data sets with TICKET_HUB_JOB_DATASETS.",
        )
    return offered[name]


def check_data(settings: Settings, name: str) -> None:
    """Refuse data that the operator does not offer.

    Raises:
        RecipeError: as said.
    """
    offered = _listed(settings.job_datasets)
    if name not in offered:
        raise RecipeError(
            f"The data set {name!r} is not offered here.",
            f"Choose {_said(offered)}; the operator offers data sets with TICKET_HUB_JOB_DATASETS.",
        )


def _listed(text: str) -> tuple[str, ...]:
    return tuple(sorted({name.strip() for name in text.split(",") if name.strip()}))


def _said(names: tuple[str, ...]) -> str:
    return f"one of {', '.join(names)}" if names else "nothing: none is offered"
