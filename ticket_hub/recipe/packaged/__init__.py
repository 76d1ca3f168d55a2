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

__all__ = ["load_recipe", "own_text", "recipe_names"]


def recipe_names() -> list[str]:
    """The names of the packaged recipes, sorted."""
    files = resources.files(__package__).iterdir()
    return sorted(f.name.removesuffix(".toml") for f in files if f.name.endswith(".toml"))


def load_recipe(name: Recipe | Path | str) -> Recipe:
    """A packaged recipe by its name, or a user's own by the path of its file (ending in .toml).

    A file without a `name` is called as the file is, with a dash for whatever a name cannot have.
    One with `extends` changes another recipe, packaged or beside it, key by key. A recipe is given
    back as it is.

    Raises:
        RecipeError: there is none, or it breaks the rules of a recipe, or it extends itself.
    """
    if isinstance(name, Recipe):
        return name
    name = str(name)
    table = _whole(name, ())
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(name).stem).strip("-._")
    recipe = Recipe.from_table({"name": stem or "recipe", **table})
    check_names(recipe.to_table())
    return recipe


def _whole(name: str, above: tuple[str, ...]) -> dict[str, Any]:
    """The table of a recipe's file over that of the recipe which it extends.

    Args:
        above: the recipes that extend this one.
    """
    place = str(Path(name).resolve()) if name.endswith(".toml") else name
    if place in above:
        raise RecipeError(f"The recipe {name} extends itself.", "Leave out one `extends`.")
    table = _parse(_text(name), name if name.endswith(".toml") else f"{name}.toml")
    base = table.pop("extends", None)
    if base is None:
        return table
    if not isinstance(base, str):
        raise RecipeError(f"extends cannot be {base!r}.", "It is the name or path of a recipe.")
    beside = str(Path(name).parent / base) if base.endswith(".toml") else base
    below = _whole(beside, (*above, place))
    merged = {key: below[key] for key in below if key not in {"name", "about"}}
    for key, value in table.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merged[key] | value if both else value
    return merged


def own_text(path: Path, what: str, command: str) -> str:
    """The text of a TOML file of one's own.

    Args:
        what: what the file is, as in "recipe file".
        command: what lists the packaged ones, for the remedy.

    Raises:
        RecipeError: it cannot be read, or is not UTF-8 text.
    """
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise RecipeError(
            f"The {what} {path} cannot be read: {reason}.",
            f"Give the path of a TOML file, or {command} lists.",
        ) from error


def _text(name: str) -> str:
    if name.endswith(".toml"):
        return own_text(Path(name), "recipe file", "a name that `ticket recipes`")
    if name not in recipe_names():
        raise RecipeError(
            f"There is no recipe {name!r}.",
            f"The nearest is {nearest(name, recipe_names())!r}. `ticket recipes` lists all; "
            "a recipe of your own is given as the path of a .toml file.",
        )
    return resources.files(__package__).joinpath(f"{name}.toml").read_text("utf-8")


def _parse(text: str, source: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise RecipeError(f"{source} is not TOML: {error}.", "Mend that line.") from error
