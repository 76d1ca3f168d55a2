"""Distributions: initial values, how far weights moved, connections of units."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator, SymmetricalLogLocator

from ticket_hub.analysis import Finding
from ticket_hub.analysis.degrees import Degrees
from ticket_hub.analysis.distribution import STEPS, Distribution
from ticket_hub.analysis.movement import LayerMovement, Movement
from ticket_hub.analysis.values import Values
from ticket_hub.report.analysis.views import Table, Value, View, count_trials, level_name, some
from ticket_hub.report.style import INK, drawing, legend_below, look

__all__ = ["DEGREES", "MOVEMENT", "VALUES", "panels"]

WIDTH = 7.0
MOST_LAYERS = 6
COLUMNS = 3


def panels(count: int, *, columns: int = COLUMNS, height: float = 2.1) -> tuple[Figure, list[Axes]]:
    """A figure with so many panels, row by row. Call it within `drawing`."""
    columns = min(columns, count)
    rows = -(-count // columns)
    figure = Figure(figsize=(WIDTH, height * rows + 0.9), layout="constrained")
    grid: list[Axes] = list(figure.subplots(rows, columns, squeeze=False).flat)
    for spare in grid[count:]:
        spare.set_axis_off()
    return figure, grid[:count]


def _shown(findings: Sequence[Finding], most: int = MOST_LAYERS) -> list[int]:
    """The layers that are drawn: the first, the last, and some between."""
    return some(range(len(findings[0].result.layers)), most)


def _left_out(findings: Sequence[Finding], shown: Sequence[int]) -> str:
    count = len(findings[0].result.layers)
    return "" if len(shown) == count else f"; {len(shown)} of {count} layers are drawn"


def _short(layer: str) -> str:
    return layer.removesuffix(".weight")


def values_figure(findings: Sequence[Finding]) -> Figure:
    """Density of the starting values of all weights and of the survivors, one panel a layer."""
    shown = _shown(findings)
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
                    linestyle=("-", "--", "-.", ":")[position % 4],
                    linewidth=1.2,
                    label=f"survivors, {level_name(finding)}",
                )
            panel.set_title(_short(results[0].layers[index].layer))
            panel.set_xlabel("value in theta0")
            panel.xaxis.set_major_locator(MaxNLocator(nbins=5))
        axes[0].set_ylabel("share of weights\nper unit of value")
        legend_below(
            figure,
            axes[0],
            f"weights of {count_trials(results[0].trials)} together, in "
            f"{len(results[0].layers[0].everything_counts.counts)} bins"
            + _left_out(findings, shown),
        )
    return figure


def values_table(findings: Sequence[Finding]) -> Table:
    """One row for each level and layer."""
    rows: list[tuple[Value, ...]] = [
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
        headings=(
            "level",
            "layer",
            "sd of all",
            "sd of survivors",
            "ratio",
            "mean of all",
            "mean of survivors",
            "survivors",
        ),
        forms=("d", "", ".4f", ".4f", ".2f", "+.4f", "+.4f", ","),
        rows=tuple(rows),
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
    shown = _shown(findings)
    results: list[Movement] = [finding.result for finding in findings]
    with drawing():
        figure, axes = panels(len(shown))
        for panel, index in zip(axes, shown, strict=True):
            for position, finding in enumerate(findings):
                layer: LayerMovement = finding.result.layers[index]
                name = level_name(finding)
                _cumulative(panel, layer.survivors.distance, position, "-", f"kept, {name}")
                _cumulative(panel, layer.pruned.distance, position, ":", f"pruned, {name}")
            panel.set_title(_short(results[0].layers[index].layer))
            panel.set_xlabel("distance moved")
            panel.set_xlim(0, _nearly_all([finding.result.layers[index] for finding in findings]))
            panel.xaxis.set_major_locator(MaxNLocator(nbins=5))
        axes[0].set_ylabel("weights that moved\nno further (%)")
        legend_below(
            figure,
            axes[0],
            f"weights of {count_trials(results[0].trials)} together; the dense network from theta0 "
            f"to iteration {results[0].iterations:,}" + _left_out(findings, shown),
        )
    return figure


def _nearly_all(layers: Sequence[LayerMovement]) -> float:
    """Somewhat more than what 99% of the weights have moved: the last few would fill the panel."""
    groups = [
        moved.distance.quantiles for each in layers for moved in (each.survivors, each.pruned)
    ]
    return 1.2 * max((values[-2] for values in groups if values), default=1.0) or 1.0


def _cumulative(panel: Axes, values: Distribution, position: int, line: str, label: str) -> None:
    if values.quantiles:
        shares = np.arange(STEPS + 1) * (100 / STEPS)
        color = look("", position).color
        panel.plot(values.quantiles, shares, color=color, linestyle=line, lw=1.3, label=label)


def movement_table(findings: Sequence[Finding]) -> Table:
    """Two rows for each level and layer: survivors and pruned weights."""
    rows: list[tuple[Value, ...]] = [
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
        headings=(
            "level",
            "layer",
            "which",
            "weights",
            "mean distance",
            "median",
            "mean growth of size",
            "sign flipped (%)",
        ),
        forms=("d", "", "", ",", ".4f", ".4f", "+.4f", ".1f"),
        rows=tuple(rows),
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

SIDES: tuple[tuple[str, str, Callable[[Any], Distribution]], ...] = (
    ("incoming", "kept weights into a unit", lambda layer: layer.incoming),
    ("outgoing", "kept weights out of an input", lambda layer: layer.outgoing),
)
MOST_ROWS = 3


def degrees_figure(findings: Sequence[Finding]) -> Figure:
    """Cumulative shares of units by their kept weights, one row of panels a layer."""
    shown = _shown(findings, MOST_ROWS)
    results: list[Degrees] = [finding.result for finding in findings]
    with drawing():
        figure, axes = panels(2 * len(shown), columns=2, height=1.8)
        for panel, (index, side) in zip(axes, itertools.product(shown, SIDES), strict=True):
            name, label, values = side
            for position, finding in enumerate(findings):
                found = values(finding.result.layers[index])
                _cumulative(
                    panel,
                    found,
                    position,
                    ("-", "--", "-.", ":")[position % 4],
                    level_name(finding),
                )
            panel.set_xscale("symlog", linthresh=1.0, linscale=0.5)
            panel.set_xlim(0, 1.2 * max(1.0, panel.dataLim.intervalx[1]))
            panel.xaxis.set_major_locator(SymmetricalLogLocator(base=10, linthresh=1.0))
            panel.xaxis.set_minor_locator(NullLocator())
            panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            panel.set_title(f"{_short(results[0].layers[index].layer)}: {name}")
            panel.set_xlabel(label)
            panel.set_ylabel("units (%)" if name == "incoming" else "inputs (%)")
        legend_below(
            figure,
            axes[0],
            f"units with no more kept weights; those of {count_trials(results[0].trials)} together"
            + _left_out(findings, shown),
        )
    return figure


def degrees_table(findings: Sequence[Finding]) -> Table:
    """Two rows for each level and layer: into its units, and out of its inputs."""
    rows: list[tuple[Value, ...]] = []
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
        headings=("level", "layer", "weights", "dense", "mean kept", "median", "least", "greatest"),
        forms=("d", "", "", ",", ",.1f", ",.0f", ",.0f", ",.0f"),
        rows=tuple(rows),
    )


def _degrees_sentence(result: Degrees) -> str:
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


DEGREES = View(
    caption=(
        "Kept weights into each unit of a layer (a row of its mask) and out of each of its inputs "
        "(a column): features of a Linear, channels of a convolution. A line that starts above 0 "
        "on the left has units without any."
    ),
    figure=degrees_figure,
    table=degrees_table,
    sentence=_degrees_sentence,
)
