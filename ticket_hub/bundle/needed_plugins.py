"""What of a search or an experiment is not built in, as it is known in this process."""

from __future__ import annotations

from collections.abc import Iterable

from ticket_hub.bundle.plugin_records import NETWORK, PluginRecord, is_possible, remedy_for
from ticket_hub.data.registry import DATASETS
from ticket_hub.errors import DataNotFoundError
from ticket_hub.networks.registry import home_module
from ticket_hub.plugin_origin import plugin_of
from ticket_hub.recipe import PartialRecipe, Recipe
from ticket_hub.recipe.axes import BACKENDS, CONTROLS, OPEN
from ticket_hub.recipe.experiment_spec import ExperimentSpec
from ticket_hub.recipe.own import is_own
from ticket_hub.types import Architecture

__all__ = ["demand_data", "needed_plugins"]

REGISTRIES = (DATASETS, BACKENDS, *OPEN.values())
"""Whose names a recipe has, beside networks."""


def needed_plugins(
    recipe: Recipe | PartialRecipe | ExperimentSpec,
    architecture: Architecture,
    controls: Iterable[str] = (),
) -> tuple[PluginRecord, ...]:
    """What a search or an experiment names that is not built in, as it is known in this process.

    Args:
        recipe: of the search, or what decides the experiment.
        controls: of the experiment.

    Raises:
        NetworkError: there is no such network.
    """
    network = architecture.name
    home = None if is_own(network) else home_module(network)
    named: dict[tuple[str, str], str | None] = {(NETWORK, network): home}
    for registry in REGISTRIES:
        part, _, key = registry.key.partition(".")
        name = getattr(getattr(recipe, part, None), key, None)
        if name is not None:
            named[registry.key, name] = registry.module(name)
    named |= {(CONTROLS.key, name): CONTROLS.module(name) for name in controls}
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
