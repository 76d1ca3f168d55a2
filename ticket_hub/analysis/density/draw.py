"""Density, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from ticket_hub.analysis.density.compute import Density
from ticket_hub.analysis.folder import Finding
from ticket_hub.analysis.marks import count_trials, layer_table, level_name
from ticket_hub.analysis.panels import layer_panel, mark_in_row, place_in_row, wide_axis
from ticket_hub.report.style import drawing, legend_below, look
from ticket_hub.table import Column, Table

__all__ = ["CAPTION", "describe", "draw", "tabulate"]

CAPTION = (
    "Kept weights over all weights of each layer. A layer is called near collapse where some "
    "trial keeps fewer than two weights for each of its units (output neurons or channels)."
)


def draw(findings: Sequence[Finding]) -> Figure:
    """Density of each layer, one mark for each level; hollow marks are near collapse."""
    results: list[Density] = [finding.result for finding in findings]
    with drawing():
        figure, panel = layer_panel([layer.layer for layer in results[0].layers], len(findings))
        for position, (finding, result) in enumerate(zip(findings, results, strict=True)):
            for row, layer in enumerate(result.layers):
                place = place_in_row(row, position, len(findings))
                mark_in_row(
                    panel,
                    place,
                    position,
                    [100 * each for each in layer.densities],
                    "" if row else level_name(finding),
                    hollow=layer.near_collapse,
                )
            total = 100 * finding.density
            panel.axvline(total, color=look("", position).color, linewidth=0.8, linestyle=":")
        wide_axis(panel)
        panel.set_xlabel("kept weights of the layer (%)")
        n = len(results[0].layers[0].kept)
        legend_below(
            figure,
            panel,
            f"mean of {count_trials(n)}; bars: least to greatest trial; dotted: whole network; "
            f"hollow: near collapse (under {results[0].threshold:g} weights a unit)",
        )
    return figure


def tabulate(findings: Sequence[Finding]) -> Table:
    """One row for each level and layer."""
    return layer_table(
        findings,
        (Column("kind"), lambda layer: layer.kind),
        (Column("weights", show=","), lambda layer: layer.size),
        (Column("kept (mean)", show=",.0f"), lambda layer: sum(layer.kept) / len(layer.kept)),
        (
            Column("density (%)", show=".2f"),
            lambda layer: 100 * sum(layer.densities) / len(layer.densities),
        ),
        (Column("least kept per unit", show=".1f"), lambda layer: layer.least_per_unit),
        (Column("state"), lambda layer: "near collapse" if layer.near_collapse else ""),
    )


def describe(result: Density) -> str:
    """What was found at one level, in one sentence."""
    least = min(result.layers, key=lambda layer: min(layer.densities))
    most = max(result.layers, key=lambda layer: max(layer.densities))
    count = len(result.near_collapse)
    return (
        f"layers keep {100 * min(least.densities):.3g}% ({least.layer}) to "
        f"{100 * max(most.densities):.3g}% ({most.layer}); {count or 'none'} near collapse"
    )
