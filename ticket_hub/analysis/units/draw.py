"""Dead units, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ticket_hub.analysis.folder import Finding
from ticket_hub.analysis.marks import count_trials, layer_table, level_name
from ticket_hub.analysis.panels import layer_panel, mark_in_row, place_in_row
from ticket_hub.analysis.units.compute import LayerUnits, Units
from ticket_hub.report.style import drawing, legend_below
from ticket_hub.table import Column, Table

__all__ = ["CAPTION", "describe", "draw", "tabulate"]

CAPTION = (
    "Units are output neurons of a Linear and output channels of a convolution. Dead: no path "
    "of kept weights leads from a pixel to the unit, or none from it to a class; identity "
    "paths of residual blocks conduct. A dead unit may still give a constant, from its bias "
    "or norm. Where paths cannot be followed (attention), only layers' own weights are counted."
)


MIN_TOP = 5.0  # per cent


def draw(findings: Sequence[Finding]) -> Figure:
    """Dead units of each layer; hollow marks count in the layer alone."""
    results: list[Units] = [finding.result for finding in findings]
    with drawing():
        figure, panel = layer_panel([layer.layer for layer in results[0].layers], len(findings))
        for position, finding in enumerate(findings):
            for row, layer in enumerate(finding.result.layers):
                place = place_in_row(row, position, len(findings))
                _units_mark(panel, layer, place, position, "" if row else level_name(finding))
        top = max(MIN_TOP, panel.get_xlim()[1])
        panel.set_xlim(-0.02 * top, top)
        panel.set_xlabel("units of the layer (%)")
        solid = "solid: dead (no path from a pixel or to a class); " if results[0].probed else ""
        n = len(results[0].layers[0].without_incoming)
        legend_below(
            figure,
            panel,
            f"mean of {count_trials(n)}; bars: least to greatest trial; {solid}"
            "hollow: no kept weight into the unit",
        )
    return figure


def _units_mark(panel: Axes, layer: LayerUnits, place: float, position: int, label: str) -> None:
    for counts, hollow in ((layer.without_incoming, True), (layer.dead, False)):
        if counts is None:
            continue
        shares = [100 * count / layer.units for count in counts]
        named = label if not hollow or layer.dead is None else ""
        size = 6 if hollow else 4
        mark_in_row(panel, place, position, shares, named, hollow=hollow, size=size)


def tabulate(findings: Sequence[Finding]) -> Table:
    """One row for each level and layer."""
    return layer_table(
        findings,
        (Column("units", show=","), lambda layer: layer.units),
        (Column("no weight in", show=",.1f"), lambda layer: _mean(layer.without_incoming)),
        (Column("no pixel reaches", show=",.1f"), lambda layer: _mean(layer.cut_from_image)),
        (Column("reach no class", show=",.1f"), lambda layer: _mean(layer.cut_from_classes)),
        (Column("dead", show=",.1f"), lambda layer: _mean(layer.dead)),
        (Column("inputs", show=","), lambda layer: layer.inputs),
        (Column("no weight out", show=",.1f"), lambda layer: _mean(layer.without_outgoing)),
        (Column("idle weights", show=",.1f"), lambda layer: _mean(layer.idle)),
    )


def _mean(counts: Sequence[int] | None) -> float | None:
    return None if counts is None else sum(counts) / len(counts)


def describe(result: Units) -> str:
    """What was found at one level, in one sentence."""
    units = sum(layer.units for layer in result.layers)
    alone = sum(_mean(layer.without_incoming) or 0.0 for layer in result.layers)
    text = f"{alone:,.1f} of {units:,} units have no weight in"
    if not result.probed:
        return f"{text}; paths could not be followed in this network"
    dead = sum(_mean(layer.dead) or 0.0 for layer in result.layers)
    idle = sum(_mean(layer.idle) or 0.0 for layer in result.layers)
    pixels = _mean(result.unused_pixels) or 0.0
    return (
        f"{text}, {dead:,.1f} are dead, {idle:,.1f} kept weights lie on no path, and "
        f"{pixels:,.1f} of {result.pixels:,} pixels reach no class (means over the trials)"
    )
