"""How far weights move."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ticket_hub.analysis.folder import Finding
from ticket_hub.analysis.marks import count_trials, level_name, ratio
from ticket_hub.analysis.movement.compute import LayerMovement, Movement
from ticket_hub.analysis.panels import (
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
    "|trained - theta0| of each weight over the training of the dense network, for the weights "
    "that the ticket keeps and for those that it drops."
)


def draw(findings: Sequence[Finding]) -> Figure:
    """Cumulative shares of the distances, survivors and pruned weights, one panel a layer."""
    shown = shown_layers(findings)
    results: list[Movement] = [finding.result for finding in findings]
    with drawing():
        figure, axes = panels(len(shown))
        for panel, index in zip(axes, shown, strict=True):
            for position, finding in enumerate(findings):
                layer: LayerMovement = finding.result.layers[index]
                name = level_name(finding)
                draw_cumulative(panel, layer.survivors.distance, position, "-", f"kept, {name}")
                draw_cumulative(panel, layer.pruned.distance, position, ":", f"pruned, {name}")
            panel.set_title(short(results[0].layers[index].layer))
            panel.set_xlabel("distance moved")
            panel.set_xlim(0, _nearly_all([finding.result.layers[index] for finding in findings]))
            panel.xaxis.set_major_locator(MaxNLocator(nbins=5))
        axes[0].set_ylabel("weights that moved\nno further (%)")
        legend_below(
            figure,
            axes[0],
            f"weights of {count_trials(results[0].trials)} together; {results[0].iterations:,} "
            "iterations of the dense network from theta0 on" + left_out(findings, shown),
        )
    return figure


def _nearly_all(layers: Sequence[LayerMovement]) -> float:
    """Somewhat more than what 99% of the weights have moved: the last few would fill the panel."""
    groups = [
        moved.distance.quantiles for each in layers for moved in (each.survivors, each.pruned)
    ]
    return 1.2 * max((values[-2] for values in groups if values), default=1.0) or 1.0


def tabulate(findings: Sequence[Finding]) -> Table:
    """Two rows for each level and layer: survivors and pruned weights."""
    rows = [
        (
            finding.level,
            layer.layer,
            name,
            moved.distance.n,
            moved.distance.mean,
            moved.distance.median,
            moved.growth.mean,
            None if moved.flipped is None else 100 * moved.flipped,
        )
        for finding in findings
        for layer in finding.result.layers
        for name, moved in (("kept", layer.survivors), ("pruned", layer.pruned))
    ]
    return Table(
        columns=[
            Column("level", show="d"),
            Column("layer"),
            Column("which"),
            Column("weights", show=","),
            Column("mean distance", show=".4f"),
            Column("median", show=".4f"),
            Column("mean growth of size", show="+.4f"),
            Column("sign flipped (%)", show=".1f"),
        ],
        rows=rows,
    )


_SOURCES = {"search": "the search's own weights", "retrained": "trained again"}


def describe(result: Movement) -> str:
    """What was found at one level, in one sentence."""
    ratios = [
        far
        for layer in result.layers
        if (far := ratio(layer.survivors.distance.mean, layer.pruned.distance.mean)) is not None
    ]
    if not ratios:
        return "nothing to compare"
    return (
        f"kept weights moved {min(ratios):.2f} to {max(ratios):.2f} times as far as pruned ones on "
        f"the mean, by layer, in {result.iterations:,} iterations of the dense network "
        f"({_SOURCES.get(result.source, result.source)})"
    )
