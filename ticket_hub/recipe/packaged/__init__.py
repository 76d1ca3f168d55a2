"""The recipes that come with the package, one TOML file each, and the user's own files."""

from __future__ import annotations

import re
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

from ticket_hub.errors import RecipeError
from ticket_hub.recipe.axes import check_names
from ticket_hub.recipe.recipe import Recipe
from ticket_hub.registry import nearest

__all__ = ["load_recipe", "recipe_names"]


def recipe_names() -> list[str]:
    """The names of the packaged recipes, sorted."""
    files = resources.files(__package__).iterdir()
    return sorted(f.name.removesuffix(".toml") for f in files if f.name.endswith(".toml"))


def load_recipe(name: str) -> Recipe:
    """A packaged recipe by its name, or a user's own by the path of its file (ending in .toml).

    A file without a `name` is called as the file is, with a dash for whatever a name cannot have.

    Raises:
        RecipeError: there is none, or it breaks the rules of a recipe.
    """
    if name.endswith(".toml"):
        path = Path(name)
        return _parse(_read(path), _as_name(path.stem), str(path))
    if name not in recipe_names():
        raise RecipeError(
            f"There is no recipe {name!r}.",
            f"The nearest is {nearest(name, recipe_names())!r}. `ticket recipes` lists all; "
            "a recipe of your own is given as the path of a .toml file.",
        )
    text = resources.files(__package__).joinpath(f"{name}.toml").read_text("utf-8")
    return _parse(text, name, f"{name}.toml")


def _as_name(stem: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._") or "recipe"


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise RecipeError(
            f"The recipe file {path} cannot be read: {reason}.",
            "Give the path of a TOML file, or a name that `ticket recipes` lists.",
        ) from error


def _parse(text: str, name: str, source: str) -> Recipe:
    try:
        table: dict[str, Any] = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise RecipeError(f"{source} is not TOML: {error}.", "Mend that line.") from error
    recipe = Recipe.from_table({"name": name} | table)
    check_names(recipe.to_table())
    return recipe
