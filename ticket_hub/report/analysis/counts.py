"""Dead units and operations, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ticket_hub.analysis import Finding
from ticket_hub.analysis.flops import Flops
from ticket_hub.analysis.units import LayerUnits, Units
from ticket_hub.report.analysis.layers import layer_panel, place_in_row, wide_axis
from ticket_hub.report.analysis.views import (
    View,
    count_trials,
    level_name,
    mean_and_bar,
)
from ticket_hub.report.style import drawing, legend_below, look
from ticket_hub.table import Column, Table

__all__ = ["FLOPS", "UNITS"]

MIN_TOP = 5.0  # per cent


def units_figure(findings: Sequence[Finding]) -> Figure:
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
    style = look("", position)
    kinds = [(layer.without_incoming, "white"), (layer.dead, style.color)]
    for counts, filling in kinds:
        if counts is None:
            continue
        mean, bar = mean_and_bar([100 * count / layer.units for count in counts])
        is_last = filling != "white" or layer.dead is None
        panel.errorbar(
            mean,
            place,
            xerr=bar,
            color=style.color,
            marker=style.marker,
            markerfacecolor=filling,
            markersize=6 if filling == "white" else 4,
            capsize=2,
            linestyle="none",
            label=label if label and is_last else "_",
        )


def units_table(findings: Sequence[Finding]) -> Table:
    """One row for each level and layer."""
    rows: list[tuple[Any, ...]] = [
        (
            finding.level,
            layer.layer,
            layer.units,
            _mean(layer.without_incoming),
            _mean(layer.cut_from_image),
            _mean(layer.cut_from_classes),
            _mean(layer.dead),
            layer.inputs,
            _mean(layer.without_outgoing),
            _mean(layer.idle),
        )
        for finding in findings
        for layer in finding.result.layers
    ]
    return Table(
        columns=[
            Column("level", show="d"),
            Column("layer"),
            Column("units", show=","),
            Column("no weight in", show=",.1f"),
            Column("no pixel reaches", show=",.1f"),
            Column("reach no class", show=",.1f"),
            Column("dead", show=",.1f"),
            Column("inputs", show=","),
            Column("no weight out", show=",.1f"),
            Column("idle weights", show=",.1f"),
        ],
        rows=rows,
    )


def _mean(counts: Sequence[int] | None) -> float | None:
    return None if counts is None else sum(counts) / len(counts)


def _units_sentence(result: Units) -> str:
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


UNITS = View(
    caption=(
        "Units are output neurons of a Linear and output channels of a convolution. Dead: no path "
        "of kept weights leads from a pixel to the unit, or none from it to a class; identity "
        "paths of residual blocks conduct. A dead unit may still give a constant, from its bias "
        "or norm. Where paths cannot be followed (attention), only layers' own weights are counted."
    ),
    figure=units_figure,
    table=units_table,
    sentence=_units_sentence,
)


def flops_figure(findings: Sequence[Finding]) -> Figure:
    """Operations of each layer, dense and effective."""
    results: list[Flops] = [finding.result for finding in findings]
    first = results[0]
    names = [*(layer.layer for layer in first.layers), "all"]
    dense = [*(layer.dense for layer in first.layers), first.dense]
    with drawing():
        figure, panel = layer_panel(names, len(findings))
        style = look("dense", 0)
        million = [count / 1e6 for count in dense]
        panel.plot(
            million,
            range(len(names)),
            color=style.color,
            marker="|",
            markersize=10,
            linestyle="none",
            label="dense",
        )
        for position, finding in enumerate(findings):
            for row, counts in enumerate(_effective(finding.result)):
                mean, bar = mean_and_bar([count / 1e6 for count in counts])
                look_ = look("", position)
                panel.errorbar(
                    mean,
                    place_in_row(row, position, len(findings)),
                    xerr=bar,
                    color=look_.color,
                    marker=look_.marker,
                    markersize=5,
                    capsize=2,
                    linestyle="none",
                    label="_" if row else level_name(finding),
                )
        wide_axis(panel)
        panel.set_xlabel("operations of one image's forward pass (millions)")
        n = len(first.effective)
        legend_below(figure, panel, f"mean of {count_trials(n)}; bars: least to greatest trial")
    return figure


def _effective(result: Flops) -> list[tuple[int, ...]]:
    return [*(layer.effective for layer in result.layers), result.effective]


def flops_table(findings: Sequence[Finding]) -> Table:
    """One row for each level and layer, the whole network last."""
    rows: list[tuple[Any, ...]] = []
    for finding in findings:
        result: Flops = finding.result
        for layer in result.layers:
            mean = sum(layer.effective) / len(layer.effective)
            rows.append(
                (
                    finding.level,
                    layer.layer,
                    layer.uses,
                    layer.dense,
                    mean,
                    100 * mean / layer.dense,
                )
            )
        mean = sum(result.effective) / len(result.effective)
        rows.append((finding.level, "all", None, result.dense, mean, 100 * mean / result.dense))
    return Table(
        columns=[
            Column("level", show="d"),
            Column("layer"),
            Column("uses of a weight", show=","),
            Column("dense (operations)", show=","),
            Column("effective (mean)", show=",.0f"),
            Column("left (%)", show=".2f"),
        ],
        rows=rows,
    )


def _flops_sentence(result: Flops) -> str:
    mean = sum(result.effective) / len(result.effective)
    return (
        f"{mean / 1e6:,.4g} of {result.dense / 1e6:,.4g} million operations an image are of "
        f"surviving weights ({100 * mean / result.dense:.3g}%)"
    )


FLOPS = View(
    caption=(
        "Matrix products and convolutions of one image's forward pass, at 2 operations for a "
        "multiplication and its addition. Effective leaves out every product with a pruned weight: "
        "it is what a kernel that skips each zero for free would do. It is no speed: dense kernels "
        "take as long as before, and kernels for unstructured sparsity reach a part of the peak."
    ),
    figure=flops_figure,
    table=flops_table,
    sentence=_flops_sentence,
)
