"""A search before it is made, as `ticket find --dry-run` shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ticket_hub.table import Column
from ticket_hub_cli import output
from ticket_hub_cli.output import CommandOutput, percent

if TYPE_CHECKING:
    from ticket_hub.search.forecast import Forecast

__all__ = ["gigabytes", "plan_table", "tell_plan"]

MAX_LEVELS = 6
"""Levels that have a column of their own; JSON has all."""

LEVELS = [
    Column("level", "LEVEL", right=True),
    Column("kept", "WEIGHTS", ",", right=True),
    Column("density", "WEIGHTS LEFT", percent, right=True),
]


def plan_table(plan: Forecast) -> dict[str, Any]:
    """All of it as plain values."""
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


def tell_plan(plan: Forecast, out: CommandOutput) -> None:
    """The ladder, the layers, and what must be known about them, for people."""
    table = plan_table(plan)
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


def gigabytes(number: int) -> str:
    """So many bytes in MB, or in GB from one on."""
    return f"{number / 1e9:.1f} GB" if number >= 1e9 else f"{number / 1e6:.1f} MB"  # noqa: PLR2004


def _evenly(levels: int) -> list[int]:
    """Some levels above the dense one, evenly apart; the last is one of them."""
    last = levels - 1
    count = min(last, MAX_LEVELS)
    return [round(last * (index + 1) / count) for index in range(count)]
