"""The part of a card about how the tickets were found."""

from __future__ import annotations

from ticket_hub.bundle.card_experiments import one_line
from ticket_hub.bundle.manifest import Manifest
from ticket_hub.bundle.plugin_records import plugin_lines
from ticket_hub.bundle.unknown import is_imported
from ticket_hub.recipe import Recipe
from ticket_hub.recipe.pruning_spec import PART_OF, PruningSpec
from ticket_hub.recipe.spec import UNKNOWN, SearchSpec, TrainingSpec

__all__ = ["origin_section"]

_VERSIONS = ("ticket_hub", "torch", "numba", "python", "device", "cpu_capability")


def origin_section(manifest: Manifest) -> str:
    """How the tickets were found: recipe, versions, hardware; or that it is not known."""
    recipe, known, own = manifest.recipe, manifest.environment, manifest.own
    made = ", ".join(f"{key} {known[key]}" for key in _VERSIONS if key in known)
    digest = manifest.data.fingerprint
    fingerprint = f"`{digest[:12]}`" if digest else "not known"
    data = "not known" if manifest.data.name == UNKNOWN else manifest.data.name
    exact = {True: "yes", False: "no, it was resumed elsewhere", None: "not known"}
    whole = "whole" if isinstance(recipe, Recipe) else "known part of the"
    rewind = f"; {_rewound(recipe.search)}" if recipe.search else ""
    nearest = [f"{one_line(recipe.about)}\n"] if is_imported(manifest) and recipe.about else []
    lines = [
        "## How it was found\n",
        *nearest,
        f"- training: {_trained(recipe.training) if own is None else one_line(own.sentence)}",
        f"- pruning: {_pruned(recipe.pruning)}{rewind}",
        f"- data: {data}, fingerprint {fingerprint}",
        f"- made with: {made or 'not known'}",
        *(f"- needs {one_line(line)}" for line in plugin_lines(manifest.plugins)),
        f"- bit-exact: {exact[manifest.bit_exact]}",
        f"\nThe {whole} recipe (digest `{recipe.digest[:12]}`) and the environment: `ticket.json`.",
    ]
    return "\n".join(lines)


def _rewound(search: SearchSpec) -> str:
    if not search.goes_on:
        return f"survivors go back to `{search.rewind}`"
    later = f" as it was from iteration {search.start_step} on" if search.start_step else ""
    rate = f"begins anew{later}" if search.rewind != "none" else "stays what it was at their end"
    return (
        f"levels trained on from the pruned weights of the level before, and the learning rate "
        f"{rate}, so a ticket that starts from theta0 is the mask of its level, tried anew"
    )


def _trained(training: TrainingSpec | None) -> str:
    if training is None:
        return "not known"
    return (
        f"{training.iterations} iterations, batches of {training.batch_size}, "
        f"{training.optimizer} at {training.lr:g}, {training.schedule} schedule"
    )


def _pruned(pruning: PruningSpec | None) -> str:
    if pruning is None:
        return "not known"
    told = [(kind, rate) for kind, rate in sorted(pruning.rates.items()) if rate or kind in PART_OF]
    rates = ", ".join(f"{kind} {rate:.0%}" for kind, rate in told)
    return f"{pruning.mode}, {pruning.scope}, by {pruning.criterion}, {rates} a round"
