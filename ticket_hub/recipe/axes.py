"""The axes of a recipe that others may extend: what a key may be, and what it stands for.

Names are known without PyTorch; see `ticket_hub.registry`. A recipe of somebody else's may have
names that nobody registered here: it is read all the same, and refused where it is to be used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ticket_hub.errors import PruningError
from ticket_hub.registry import Registry

__all__ = [
    "BACKENDS",
    "COLORS",
    "CONTROLS",
    "CRITERIA",
    "DISTRIBUTIONS",
    "GRANULARITIES",
    "INITIALIZATIONS",
    "NETWORKS",
    "OPEN",
    "OPTIMIZERS",
    "SCHEDULES",
    "check_names",
]

CRITERIA: Registry[Any] = Registry(
    "pruning.criterion",
    gives=("initial", "trained", "gradients", "hessian_gradients", "flow", "generator"),
    refusal=PruningError,
    homes=("ticket_hub.pruning.criteria",),
)
GRANULARITIES: Registry[Any] = Registry(
    "pruning.granularity",
    homes=(
        "ticket_hub.pruning.granularity",
        "ticket_hub.pruning.units",
        "ticket_hub.pruning.blocks",
    ),
)
DISTRIBUTIONS: Registry[Any] = Registry(
    "pruning.distribution",
    gives=("layers", "kept", "spec"),
    refusal=PruningError,
    homes=("ticket_hub.pruning.distribution",),
)
NETWORKS: Registry[Any] = Registry(
    "network.name",
    homes=tuple(
        f"ticket_hub.networks.{name}"
        for name in (
            "conv",
            "encoder",
            "factory",
            "lenet",
            "resnet",
            "simple_pruning",
            "small_stem",
            "timm_bridge",
            "transformers_bridge",
            "vgg",
        )
    ),
)
"""Regular expressions, each a family; a name that is none is refused where a network is built."""
INITIALIZATIONS: Registry[Any] = Registry(
    "network.init",
    gives=("weight", "groups", "fan_in", "fan_out", "std", "generator"),
    homes=("ticket_hub.networks.initialization",),
)
OPTIMIZERS: Registry[Any] = Registry(
    "training.optimizer", homes=("ticket_hub.training.optimizers",)
)
SCHEDULES: Registry[Any] = Registry(
    "training.schedule",
    gives=("training", "iteration"),
    homes=("ticket_hub.training.schedules",),
)
BACKENDS: Registry[Any] = Registry(
    "training.backend",
    homes=(
        "ticket_hub.training.stack",
        "ticket_hub.training.sparse.compiled",
        "ticket_hub.training.sparse.eager",
        "ticket_hub.training.vmapped",
        "ticket_hub.training.lanes",
        "ticket_hub.training.plain",
        "ticket_hub.training.small",
    ),
)
"""What `training.backend` can force; `auto` is none of them."""
CONTROLS: Registry[Any] = Registry(
    "control",
    gives=(
        "ticket",
        "dense",
        "fresh",
        "pretrained",
        "trained",
        "scope",
        "granularity",
        "scores",
        "rescored",
        "begun",
        "matched",
        "seed",
    ),
    homes=(
        "ticket_hub.transfer.reference_controls",
        "ticket_hub.transfer.weight_controls",
        "ticket_hub.transfer.mask_controls",
    ),
)
"""Of an experiment, not of a recipe: what a ticket can be compared with."""

COLORS = ("blue", "vermillion", "green", "purple", "orange", "sky", "ink")
"""What a control may be drawn in: told apart in print and with every kind of colour vision."""

OPEN: Mapping[str, Registry[Any]] = {
    each.key: each
    for each in (
        INITIALIZATIONS,
        OPTIMIZERS,
        SCHEDULES,
        CRITERIA,
        DISTRIBUTIONS,
        GRANULARITIES,
    )
}
"""Key of a recipe -> the names that it may be."""


def check_names(table: Mapping[str, Any], keys: Iterable[str] = OPEN) -> None:
    """Refuse names that nobody has registered.

    Args:
        table: of a recipe; parts that are not known are None.
        keys: what is asked of, and what is inside it: `training` asks of all its names.

    Raises:
        RecipeError: the first such name, with the nearest that there is.
        PluginError: a plugin that might have it cannot be imported.
    """
    asked = tuple(keys)
    for path, registry in OPEN.items():
        part, _, key = path.partition(".")
        if table[part] is not None and key in table[part] and (path in asked or part in asked):
            registry.check(table[part][key])
