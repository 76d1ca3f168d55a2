"""The part of a card about what tickets were measured to cost, as tables that people see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ticket_hub.bundle.card_experiments import one_line
from ticket_hub.bundle.cost_record import CostRecord, MeasuredForms
from ticket_hub.bundle.manifest import Manifest
from ticket_hub.table import Column, Table

__all__ = ["FORM_COLUMNS", "cost_rows", "costs_section", "form_rows", "slower_forms"]

_INTRO = (
    "A forward pass in evaluation mode, on a CPU: the median of all runs in milliseconds, with "
    "quartiles in parentheses. Times are of the machine that is named, and compare with no other; "
    "`of dense` is how often a form runs while the dense network runs once, there."
)
FORM_COLUMNS = (
    Column("form", "FORM"),
    Column("parameters", "PARAMETERS", ",", right=True),
    Column("nonzero", "NOT 0", ",", right=True),
    Column("macs", "MACS", ",", right=True),
    Column("bytes", "BYTES", ",", right=True),
    Column("milliseconds", "MS", ".2f", right=True),
    Column("spread", "QUARTILES", right=True),
    Column("speed", "OF DENSE", lambda value: f"{value:.2f}x", right=True),
)


def form_rows(measured: MeasuredForms) -> list[dict[str, Any]]:
    """A row for each form, with what it was measured by."""
    return [
        {
            **vars(cost),
            "spread": f"{cost.low:.2f} to {cost.high:.2f}",
            "speed": measured.speedup(cost),
            "batch": measured.batch,
            "runs": measured.runs,
            "threads": measured.threads,
            "machine": dict(measured.machine),
        }
        for cost in measured.costs
    ]


def cost_rows(records: Sequence[CostRecord], manifest: Manifest) -> list[dict[str, Any]]:
    """A row for each form of each record, with the level, its density, the place and the time."""
    densities = {level.index: level.density for level in manifest.levels}
    return [
        {
            "level": record.level,
            "density": densities[record.level],
            **row,
            "where": record.where,
            "when": record.when,
        }
        for record in records
        for row in form_rows(record)
    ]


def slower_forms(records: Sequence[CostRecord]) -> list[str]:
    """What a mask of single weights made slower, where it was measured: a sentence each."""
    return list(
        dict.fromkeys(
            f"Level {each.level} on {each.where}: {told}"
            for each in records
            for told in each.slower
        )
    )


def costs_section(records: Sequence[CostRecord], manifest: Manifest) -> list[str]:
    """Heading, a table for each machine, and what is slower; nothing without records."""
    if not records:
        return []
    parts = ["## What they cost", _INTRO]
    for about, found in _by_place(records).items():
        names = ("level", "weights left", "form", "parameters", "MACs", "bytes", "ms", "of dense")
        rows = [
            [
                str(row["level"]),
                f"{100 * row['density']:.4g}%",
                one_line(row["form"]),
                *(f"{row[name]:,}" for name in ("parameters", "macs", "bytes")),
                f"{row['milliseconds']:.2f} ({row['spread']})",
                f"{row['speed']:.2f}x",
            ]
            for row in cost_rows(found, manifest)
        ]
        parts += [
            f"On {one_line(about)}:",
            Table([Column(name) for name in names], rows).markdown(),
        ]
    return [*parts, *map(one_line, slower_forms(records))]


def _by_place(records: Sequence[CostRecord]) -> dict[str, list[CostRecord]]:
    found: dict[str, list[CostRecord]] = {}
    for each in records:
        how = f"{each.batch} inputs, {each.runs} runs"
        found.setdefault(f"{each.where}, {how}", []).append(each)
    return found
