"""A search before it is made, as `ticket find --dry-run` shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ticket_hub.runs.file_names import RUN
from ticket_hub.table import Column
from ticket_hub_cli import output
from ticket_hub_cli.output import CommandOutput, gigabytes, percent
from ticket_hub_cli.pace import Pace, duration

if TYPE_CHECKING:
    from ticket_hub.recipe import Recipe
    from ticket_hub.search.forecast import Forecast

__all__ = ["search_plan", "tell_search_plan"]

MAX_LEVELS = 6
"""Levels that have a column of their own; JSON has all."""

LEVELS = [
    Column("level", "LEVEL", right=True),
    Column("kept", "WEIGHTS", ",", right=True),
    Column("density", "WEIGHTS LEFT", percent, right=True),
]


def tell_search_plan(recipe: Recipe, places: dict[str, Any], out: CommandOutput) -> None:
    """What a search will be and need, for people; all of it as plain values for programs.

    Args:
        places: the options of `ticket find` that the library takes as they are.
    """
    if out.form != "human":
        out.record(search_plan(recipe, places), name="run")
        return
    facts, plan = _planned(recipe, places)
    examples = "not here yet; they are downloaded"
    if recipe.data.storage == "disk":
        examples = "not here yet; `ticket data pack` makes them of what you have"
    if plan.examples is not None:
        train, validation, test = plan.examples
        examples = f"{train:,} to train on, {validation:,} to choose by, {test:,} to test on"
    together = f"{plan.levels_at_once} levels and all" if plan.levels_at_once > 1 else "all"
    out.record(
        facts
        | {
            "examples": examples,
            "memory": f"about {gigabytes(plan.needs.memory_bytes)} with {together} trials at once, "
            f"{gigabytes(plan.needs.alone_bytes)} with one network after the other",
            "disk": f"at most {gigabytes(plan.disk_bytes)}",
            "time": f"about {duration(plan.needs.seconds or 0)} on one core ({plan.needs.basis})",
        },
        name="run",
    )
    table = _plan_table(plan)
    out.text("")
    out.table(table["ladder"], LEVELS, name="level")
    out.text("")
    shown = _evenly(len(plan.kept)) if plan.kept_by_layer is not None else []
    columns = [
        Column("layer", "LAYER"),
        Column("kind", "KIND"),
        Column("size", "WEIGHTS", ",", right=True),
        *(Column(f"at {level}", f"LEVEL {level}", right=True) for level in shown),
        Column("is_pruned", "", lambda pruned: "" if pruned else "never pruned"),
    ]
    rows = [
        row | {f"at {level}": f"{row['kept'][level]:,}" for level in shown}
        for row in table["layers"]
    ]
    out.table(rows, columns, name="layer")
    if plan.kept_by_layer is None:
        out.hint("Layers compete in one ranking: what each keeps is known when it is trained.")
    for sentence in plan.warnings:
        output.warning(sentence)
    if plan.about_cost:
        out.hint(plan.about_cost)


def search_plan(recipe: Recipe, places: dict[str, Any]) -> dict[str, Any]:
    """What a search will be and need, as plain values."""
    facts, plan = _planned(recipe, places)
    return facts | _plan_table(plan)


def _planned(recipe: Recipe, places: dict[str, Any]) -> tuple[dict[str, Any], Forecast]:
    from ticket_hub.runs.listing import summarize
    from ticket_hub.search.forecast import forecast

    run, given = places["run_folder"], places["resources"]
    plan = forecast(recipe, run, data_dir=given["data_dir"], device=given["device"])
    found = summarize(run) if (run / RUN).is_file() else None
    pace = Pace.of(recipe)
    facts = {
        "recipe": recipe.name,
        "digest": recipe.digest,
        "network": recipe.network.name,
        "init": recipe.network.init,
        "data": recipe.data.name,
        "input": list(plan.architecture.input_shape),
        "classes": plan.architecture.classes,
        "trials": pace.trials,
        "levels": pace.levels,
        "iterations": pace.iterations,
        "run": run,
        "state": f"{found.state}, {found.levels} levels done" if found else "new",
    }
    return facts, plan


def _plan_table(plan: Forecast) -> dict[str, Any]:
    return {
        "examples": None if plan.examples is None else list(plan.examples),
        "ladder": [
            {"level": level, "kept": kept, "density": kept / plan.kept[0]}
            for level, kept in enumerate(plan.kept)
        ],
        "layers": [
            {
                "layer": layer.name,
                "kind": layer.kind,
                "size": layer.size,
                "is_pruned": competes,
                "kept": None
                if plan.kept_by_layer is None
                else [row[place] for row in plan.kept_by_layer],
            }
            for place, (layer, competes) in enumerate(zip(plan.layers, plan.competes, strict=True))
        ],
        "about_cost": plan.about_cost,
        "warnings": list(plan.warnings),
        "memory_bytes": plan.needs.memory_bytes,
        "alone_bytes": plan.needs.alone_bytes,
        "disk_bytes": plan.disk_bytes,
        "seconds": plan.needs.seconds,
        "seconds_basis": plan.needs.basis,
    }


def _evenly(levels: int) -> list[int]:
    """Some levels above the dense one, evenly apart; the last is one of them."""
    last = levels - 1
    count = min(last, MAX_LEVELS)
    return [round(last * (index + 1) / count) for index in range(count)]
