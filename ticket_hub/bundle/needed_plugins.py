"""What of a network and a recipe is not built in, as it is known in this process."""

from __future__ import annotations

from collections.abc import Iterable

from ticket_hub.bundle.plugin_records import NETWORK, PluginRecord, is_possible, remedy_for
from ticket_hub.data.registry import DATASETS
from ticket_hub.errors import DataNotFoundError
from ticket_hub.networks.registry import home_module
from ticket_hub.plugins import plugin_of
from ticket_hub.recipe import PartialRecipe, Recipe
from ticket_hub.recipe.axes import BACKENDS, OPEN
from ticket_hub.recipe.own import is_own
from ticket_hub.types import Architecture

__all__ = ["demand_data", "needed_plugins"]

REGISTRIES = (DATASETS, BACKENDS, *OPEN.values())
"""Whose names a recipe has, beside networks."""


def needed_plugins(
    recipe: Recipe | PartialRecipe, architecture: Architecture
) -> tuple[PluginRecord, ...]:
    """What a recipe and its network name that is not built in, as it is known in this process.

    Raises:
        NetworkError: there is no such network.
    """
    network = architecture.name
    home = None if is_own(network) else home_module(network)
    named: dict[tuple[str, str], str | None] = {(NETWORK, network): home}
    for registry in REGISTRIES:
        part, _, key = registry.key.partition(".")
        name = getattr(getattr(recipe, part), key, None)
        if name is not None:
            named[registry.key, name] = registry.module(name)
    records = (
        PluginRecord(key=key, name=name, **vars(plugin))
        for (key, name), module in sorted(named.items())
        if module is not None and (plugin := plugin_of(module)) is not None
    )
    # A file may have a name that no manifest can hold; then it is no file that others could import.
    return tuple(
        each if is_possible(each) else PluginRecord(key=each.key, name=each.name)
        for each in records
    )


def demand_data(records: Iterable[PluginRecord], name: str) -> None:
    """Refuse data that a plugin of a bundle brings, where it is not here.

    Raises:
        DataNotFoundError: with what to install or import.
    """
    remedy = remedy_for(records, DATASETS.key, name)
    if remedy and name not in DATASETS:
        raise DataNotFoundError(f"The data set {name!r} is not registered here.", remedy)
