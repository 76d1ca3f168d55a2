"""Types of parameters that are names: of recipes, runs and keys, and of whatever an axis has."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

import click
from click.shell_completion import CompletionItem

from ticket_hub_cli.completing import CompletedName, levels_of

if TYPE_CHECKING:
    from ticket_hub.registry import Registry

__all__ = [
    "ENGINE",
    "EXPORTER",
    "IMPORTER",
    "RECIPE",
    "REPORTER",
    "RUN",
    "Assignment",
    "RecipeName",
    "RegisteredName",
    "RunName",
]


class Assignment(CompletedName):
    """A key of a recipe and its value, such as training.optimizer=adam."""

    name = "assignment"

    def names(self, incomplete: str) -> Iterable[str]:
        """The keys; and behind one whose values have names, these."""
        from ticket_hub.recipe import Recipe
        from ticket_hub.recipe.axes import NETWORKS, OPEN
        from ticket_hub.recipe.tables import key_paths

        key, equals, _ = incomplete.partition("=")
        keys = [f"{path}=" for path in key_paths(Recipe) if "." in path]
        axes = {NETWORKS.key: NETWORKS, **OPEN}
        return [f"{key}={name}" for name in axes.get(key, ())] if equals else keys


class RecipeName(CompletedName):
    """A packaged recipe, or the path of a user's own file."""

    name = "recipe"
    path_kind = "file"

    def names(self, incomplete: str) -> Iterable[str]:
        """The packaged names."""
        del incomplete
        from ticket_hub.recipe import recipe_names

        return recipe_names()


class RunName(CompletedName):
    """A run in the user's folder of runs, or the path of a run or a bundle."""

    name = "run"
    path_kind = "dir"

    def names(self, incomplete: str) -> Iterable[str]:
        """The runs that exist."""
        del incomplete
        from ticket_hub.home import runs_folder

        folder = runs_folder()
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The runs that exist, and folders; behind a colon, the levels of a ticket."""
        # `builtin:` begins the names of what comes along, and has no level behind it.
        if ":" in incomplete and not incomplete.startswith("builtin:"):
            return levels_of(incomplete)
        return super().shell_complete(ctx, param, incomplete)


class RegisteredName(CompletedName):
    """A name that is built in, or that a plugin has registered.

    Args:
        module, registry: where the `Registry` is; it is imported when names are asked for.
    """

    name = "name"

    def __init__(self, module: str, registry: str) -> None:
        self._place = module, registry

    @property
    def _registry(self) -> Registry[Any]:
        module, name = self._place
        return cast("Registry[Any]", getattr(importlib.import_module(module), name))

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """The names, for help."""
        del param, ctx
        return f"[{'|'.join(sorted(self._registry.known()))}]"

    def convert(
        self,
        value: str,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str:
        """Refuse a name that nothing has, with the nearest."""
        from ticket_hub.registry import YOUR_OWN, there_are

        # Plugins' names last: to ask for them imports every plugin.
        if value not in self._registry.known() and value not in self._registry.names():
            remedy = f"{there_are(value, sorted(self._registry.known()))} {YOUR_OWN}"
            self.fail(f"There is no {value!r}. {remedy}", param, ctx)
        return value

    def names(self, incomplete: str) -> Iterable[str]:
        """The names, plugins' too."""
        del incomplete
        return sorted(self._registry.names())


RECIPE = RecipeName()


ENGINE = RegisteredName("ticket_hub.engines.choice", "ENGINES")


IMPORTER = RegisteredName("ticket_hub.interop.registry", "IMPORTERS")


REPORTER = RegisteredName("ticket_hub.runs.reporters", "REPORTERS")


EXPORTER = RegisteredName("ticket_hub.interop.registry", "EXPORTERS")


RUN = RunName()
