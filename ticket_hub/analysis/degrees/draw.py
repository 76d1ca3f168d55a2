"""Connections of units: kept weights into each and out of each input."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator, SymmetricalLogLocator

from ticket_hub.analysis.degrees.compute import Degrees
from ticket_hub.analysis.distribution import Distribution
from ticket_hub.analysis.folder import Finding
from ticket_hub.analysis.marks import count_trials, level_name
from ticket_hub.analysis.panels import (
    LINES,
    draw_cumulative,
    left_out,
    panels,
    short,
    shown_layers,
)
from ticket_hub.report.style import drawing, legend_below
from ticket_hub.table import Column, Table

__all__ = ["CAPTION", "describe", "draw", "tabulate"]

CAPTION = (
    "Kept weights into each unit of a layer (a row of its mask) and out of each of its inputs "
    "(a column): features of a Linear, channels of a convolution. A line that starts above 0 "
    "on the left has units without any."
)

SIDES: tuple[tuple[str, str, Callable[[Any], Distribution]], ...] = (
    ("incoming", "kept weights into a unit", lambda layer: layer.incoming),
    ("outgoing", "kept weights out of an input", lambda layer: layer.outgoing),
)
MAX_ROWS = 3


def draw(findings: Sequence[Finding]) -> Figure:
    """Cumulative shares of units by their kept weights, one row of panels a layer."""
    shown = shown_layers(findings, MAX_ROWS)
    results: list[Degrees] = [finding.result for finding in findings]
    with drawing():
        figure, axes = panels(2 * len(shown), columns=2, height=1.8)
        for panel, (index, side) in zip(axes, itertools.product(shown, SIDES), strict=True):
            name, label, values = side
            for position, finding in enumerate(findings):
                found = values(finding.result.layers[index])
                draw_cumulative(
                    panel,
                    found,
                    position,
                    LINES[position % 4],
                    level_name(finding),
                )
            panel.set_xscale("symlog", linthresh=1.0, linscale=0.5)
            panel.set_xlim(0, 1.2 * max(1.0, panel.dataLim.intervalx[1]))
            panel.xaxis.set_major_locator(SymmetricalLogLocator(base=10, linthresh=1.0))
            panel.xaxis.set_minor_locator(NullLocator())
            panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            panel.set_title(f"{short(results[0].layers[index].layer)}: {name}")
            panel.set_xlabel(label)
            panel.set_ylabel("units (%)" if name == "incoming" else "inputs (%)")
        legend_below(
            figure,
            axes[0],
            f"units with no more kept weights; those of {count_trials(results[0].trials)} together"
            + left_out(findings, shown),
        )
    return figure


def tabulate(findings: Sequence[Finding]) -> Table:
    """Two rows for each level and layer: into its units, and out of its inputs."""
    rows: list[tuple[Any, ...]] = []
    for finding in findings:
        for layer in finding.result.layers:
            for name, before, found in (
                ("into a unit", layer.fan_in, layer.incoming),
                ("out of an input", layer.fan_out, layer.outgoing),
            ):
                ends = (
                    (found.quantiles[0], found.quantiles[-1]) if found.quantiles else (None, None)
                )
                rows.append(
                    (finding.level, layer.layer, name, before, found.mean, found.median, *ends)
                )
    return Table(
        columns=[
            Column("level", show="d"),
            Column("layer"),
            Column("weights"),
            Column("dense", show=","),
            Column("mean kept", show=",.1f"),
            Column("median", show=",.0f"),
            Column("least", show=",.0f"),
            Column("greatest", show=",.0f"),
        ],
        rows=rows,
    )


def describe(result: Degrees) -> str:
    """What was found at one level, in one sentence."""
    first = result.layers[0]
    parts = [
        f"{found.median:,.0f} (of {before:,}) {name}"
        for name, before, found in (
            ("into a unit", first.fan_in, first.incoming),
            ("out of an input", first.fan_out, first.outgoing),
        )
        if found.median is not None
    ]
    return f"in the first layer the median of the kept weights is {' and '.join(parts)}"
