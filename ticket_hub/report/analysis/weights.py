"""Which initial values survive, and how far weights move."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ticket_hub.analysis import Finding
from ticket_hub.analysis.movement import LayerMovement, Movement
from ticket_hub.analysis.values import Values
from ticket_hub.report.analysis.panels import (
    LINES,
    draw_cumulative,
    left_out,
    panels,
    short,
    shown_layers,
)
from ticket_hub.report.analysis.views import View, count_trials, level_name
from ticket_hub.report.style import INK, drawing, legend_below, look
from ticket_hub.table import Column, Table

__all__ = ["MOVEMENT", "VALUES"]


def values_figure(findings: Sequence[Finding]) -> Figure:
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


def values_table(findings: Sequence[Finding]) -> Table:
    """One row for each level and layer."""
    rows = [
        (
            finding.level,
            layer.layer,
            layer.everything.sd,
            layer.survivors.sd,
            _ratio(layer.survivors.sd, layer.everything.sd),
            layer.everything.mean,
            layer.survivors.mean,
            layer.survivors.n,
        )
        for finding in findings
        for layer in finding.result.layers
    ]
    return Table(
        columns=[
            Column("level", show="d"),
            Column("layer"),
            Column("sd of all", show=".4f"),
            Column("sd of survivors", show=".4f"),
            Column("ratio", show=".2f"),
            Column("mean of all", show="+.4f"),
            Column("mean of survivors", show="+.4f"),
            Column("survivors", show=","),
        ],
        rows=rows,
    )


def _ratio(first: float | None, second: float | None) -> float | None:
    return None if first is None or not second else first / second


def _values_sentence(result: Values) -> str:
    found = [_ratio(layer.survivors.sd, layer.everything.sd) for layer in result.layers]
    ratios = [ratio for ratio in found if ratio is not None]
    if not ratios:
        return "no weight survives"
    return (
        f"the standard deviation of the survivors' values is {min(ratios):.2f} to "
        f"{max(ratios):.2f} times that of all weights, by layer"
    )


VALUES = View(
    caption=(
        "Starting values (theta0) of all weights of a layer, and of those that the mask keeps. A "
        "dip at 0 says that weights which began small were pruned."
    ),
    figure=values_figure,
    table=values_table,
    sentence=_values_sentence,
)


def movement_figure(findings: Sequence[Finding]) -> Figure:
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
            f"weights of {count_trials(results[0].trials)} together; the dense network from theta0 "
            f"to iteration {results[0].iterations:,}" + left_out(findings, shown),
        )
    return figure


def _nearly_all(layers: Sequence[LayerMovement]) -> float:
    """Somewhat more than what 99% of the weights have moved: the last few would fill the panel."""
    groups = [
        moved.distance.quantiles for each in layers for moved in (each.survivors, each.pruned)
    ]
    return 1.2 * max((values[-2] for values in groups if values), default=1.0) or 1.0


def movement_table(findings: Sequence[Finding]) -> Table:
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


def _movement_sentence(result: Movement) -> str:
    ratios = [
        ratio
        for layer in result.layers
        if (ratio := _ratio(layer.survivors.distance.mean, layer.pruned.distance.mean)) is not None
    ]
    if not ratios:
        return "nothing to compare"
    return (
        f"kept weights moved {min(ratios):.2f} to {max(ratios):.2f} times as far as pruned ones on "
        f"the mean, by layer, in {result.iterations:,} iterations of the dense network "
        f"({_SOURCES.get(result.source, result.source)})"
    )


MOVEMENT = View(
    caption=(
        "|trained - theta0| of each weight over the training of the dense network, for the weights "
        "that the ticket keeps and for those that it drops."
    ),
    figure=movement_figure,
    table=movement_table,
    sentence=_movement_sentence,
)
