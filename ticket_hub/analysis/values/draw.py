"""Which initial values survive."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ticket_hub.analysis.folder import Finding
from ticket_hub.analysis.marks import count_trials, layer_table, level_name, ratio
from ticket_hub.analysis.panels import (
    LINES,
    left_out,
    panels,
    short,
    shown_layers,
)
from ticket_hub.analysis.values.compute import Values
from ticket_hub.report.style import INK, drawing, legend_below, look
from ticket_hub.table import Column, Table

__all__ = ["CAPTION", "describe", "draw", "tabulate"]

CAPTION = (
    "Starting values (theta0) of all weights of a layer, and of those that the mask keeps. A "
    "dip at 0 says that weights which began small were pruned."
)


def draw(findings: Sequence[Finding]) -> Figure:
    """Density of the starting values of all weights and of the survivors, one panel a layer."""
    shown = shown_layers(findings)
    results: list[Values] = [finding.result for finding in findings]
    with drawing():
        figure, axes = panels(len(shown))
        for panel, index in zip(axes, shown, strict=True):
            whole = results[0].layers[index].everything_counts
            panel.stairs(whole.density, whole.edges, color=INK, fill=True, alpha=0.18, label="all")
            for position, finding in enumerate(findings):
                counts = finding.result.layers[index].survivors_counts
                style = look("", position)
                panel.stairs(
                    counts.density,
                    counts.edges,
                    color=style.color,
                    linestyle=LINES[position % 4],
                    linewidth=1.2,
                    label=f"survivors, {level_name(finding)}",
                )
            panel.set_title(short(results[0].layers[index].layer))
            panel.set_xlabel("value in theta0")
            panel.xaxis.set_major_locator(MaxNLocator(nbins=5))
        axes[0].set_ylabel("share of weights\nper unit of value")
        legend_below(
            figure,
            axes[0],
            f"weights of {count_trials(results[0].trials)} together, in "
            f"{len(results[0].layers[0].everything_counts.counts)} bins"
            + left_out(findings, shown),
        )
    return figure


def tabulate(findings: Sequence[Finding]) -> Table:
    """One row for each level and layer."""
    return layer_table(
        findings,
        (Column("sd of all", show=".4f"), lambda layer: layer.everything.sd),
        (Column("sd of survivors", show=".4f"), lambda layer: layer.survivors.sd),
        (Column("ratio", show=".2f"), lambda layer: ratio(layer.survivors.sd, layer.everything.sd)),
        (Column("mean of all", show="+.4f"), lambda layer: layer.everything.mean),
        (Column("mean of survivors", show="+.4f"), lambda layer: layer.survivors.mean),
        (Column("survivors", show=","), lambda layer: layer.survivors.n),
    )


def describe(result: Values) -> str:
    """What was found at one level, in one sentence."""
    found = [ratio(layer.survivors.sd, layer.everything.sd) for layer in result.layers]
    ratios = [ratio for ratio in found if ratio is not None]
    if not ratios:
        return "no weight survives"
    return (
        f"the standard deviation of the survivors' values is {min(ratios):.2f} to "
        f"{max(ratios):.2f} times that of all weights, by layer"
    )
