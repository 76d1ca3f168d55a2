"""Density and overlap, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from ticket_hub.analysis import Finding
from ticket_hub.analysis.density import Density, LayerDensity
from ticket_hub.analysis.overlap import Overlap, PairOverlap, Shared
from ticket_hub.report.analysis.views import View, count_trials, level_name, mean_and_bar
from ticket_hub.report.style import INK, drawing, legend_below, look
from ticket_hub.table import Column, Table

__all__ = ["DENSITY", "OVERLAP", "layer_panel", "place_in_row", "wide_axis"]

WIDTH = 7.0
ROW = 0.3
MARK = 0.11
FAR = 4.0
MANY_DECADES = 300.0
APART = 0.55  # of a row, over which the levels of one layer are spread


def layer_panel(names: Sequence[str], levels: int) -> tuple[Figure, Axes]:
    """A figure with one row for each layer, the first at the top. Call it within `drawing`.

    Args:
        levels: marks in each row, for which it must be high enough.
    """
    height = max(ROW, MARK * levels)
    figure = Figure(figsize=(WIDTH, 1.5 + height * len(names)), layout="constrained")
    panel = figure.subplots()
    panel.set_yticks(range(len(names)), [name.removesuffix(".weight") for name in names])
    panel.set_ylim(len(names) - 0.5, -0.5)
    panel.set_ylabel("layer")
    panel.grid(visible=False, axis="y")
    return figure, panel


def place_in_row(row: int, position: int, count: int) -> float:
    """Where the mark of one of several levels stands in a row."""
    return row + (APART * (position / (count - 1) - 0.5) if count > 1 else 0.0)


def wide_axis(panel: Axes) -> None:
    """Ticks as plain numbers along the rows, logarithmic where the marks lie far apart."""
    low, high = panel.dataLim.intervalx
    if high <= FAR * low:
        panel.xaxis.set_major_locator(MaxNLocator(nbins=8))
        return
    panel.set_xscale("log")
    subs = (1.0, 2.0, 5.0) if high <= MANY_DECADES * low else (1.0,)
    panel.xaxis.set_major_locator(LogLocator(subs=subs))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    panel.xaxis.set_minor_locator(NullLocator())


def density_figure(findings: Sequence[Finding]) -> Figure:
    """Density of each layer, one mark for each level; hollow marks are near collapse."""
    results: list[Density] = [finding.result for finding in findings]
    with drawing():
        figure, panel = layer_panel([layer.layer for layer in results[0].layers], len(findings))
        for position, (finding, result) in enumerate(zip(findings, results, strict=True)):
            for row, layer in enumerate(result.layers):
                place = place_in_row(row, position, len(findings))
                _density_mark(panel, layer, place, position, level_name(finding) if not row else "")
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


def _density_mark(
    panel: Axes, layer: LayerDensity, place: float, position: int, label: str
) -> None:
    mean, bar = mean_and_bar([100 * each for each in layer.densities])
    style = look("", position)
    panel.errorbar(
        mean,
        place,
        xerr=bar,
        color=style.color,
        marker=style.marker,
        markerfacecolor="white" if layer.near_collapse else style.color,
        markersize=5,
        capsize=2,
        linestyle="none",
        label=label or "_",
    )


def density_table(findings: Sequence[Finding]) -> Table:
    """One row for each level and layer."""
    rows = [
        (
            finding.level,
            layer.layer,
            layer.kind,
            layer.size,
            sum(layer.kept) / len(layer.kept),
            100 * sum(layer.densities) / len(layer.densities),
            layer.least_per_unit,
            "near collapse" if layer.near_collapse else "",
        )
        for finding in findings
        for layer in finding.result.layers
    ]
    return Table(
        columns=[
            Column("level", show="d"),
            Column("layer"),
            Column("kind"),
            Column("weights", show=","),
            Column("kept (mean)", show=",.0f"),
            Column("density (%)", show=".2f"),
            Column("least kept per unit", show=".1f"),
            Column("state"),
        ],
        rows=rows,
    )


def _density_sentence(result: Density) -> str:
    least = min(result.layers, key=lambda layer: min(layer.densities))
    most = max(result.layers, key=lambda layer: max(layer.densities))
    count = len(result.near_collapse)
    return (
        f"layers keep {100 * min(least.densities):.3g}% ({least.layer}) to "
        f"{100 * max(most.densities):.3g}% ({most.layer}); {count or 'none'} near collapse"
    )


DENSITY = View(
    caption=(
        "Kept weights over all weights of each layer. A layer is called near collapse where some "
        "trial keeps fewer than two weights for each of its units (output neurons or channels)."
    ),
    figure=density_figure,
    table=density_table,
    sentence=_density_sentence,
)


def overlap_figure(findings: Sequence[Finding]) -> Figure:
    """Shared over kept weights of each layer, beside the interval of chance."""
    shown = [finding for finding in findings if finding.result.pairs]
    if not shown:
        return _nothing("one trial, and no other ticket: no masks to compare")
    with drawing():
        names = [*(each.layer for each in shown[0].result.pairs[0].layers), "all"]
        figure, panel = layer_panel(names, len(shown))
        for position, finding in enumerate(shown):
            for row in range(len(names)):
                place = place_in_row(row, position, len(shown))
                marks = [_shared(pair, row) for pair in finding.result.pairs]
                _overlap_mark(panel, marks, place, position, "" if row else level_name(finding))
        panel.set_xlim(left=0)
        panel.set_xlabel("shared by two masks, of the weights that the smaller one keeps (%)")
        _overlap_legend(figure, panel, shown[0].result)
    return figure


def _nothing(reason: str) -> Figure:
    with drawing():
        figure = Figure(figsize=(WIDTH, 0.6))
        figure.text(0.5, 0.5, reason, ha="center", va="center")
    return figure


def _overlap_legend(figure: Figure, panel: Axes, result: Overlap) -> None:
    panel.plot([], [], color=INK, marker="|", linestyle="none", label="by chance")
    legend_below(
        figure,
        panel,
        f"mean of n = {len(result.pairs)} pair{'s' if len(result.pairs) != 1 else ''} of masks; "
        "bars: least to greatest pair; by chance: the exact mean, shade: "
        f"{100 * result.confidence:g}% of what chance gives",
    )


def _shared(pair: PairOverlap, row: int) -> Shared:
    return pair.layers[row] if row < len(pair.layers) else pair.total


def _overlap_mark(
    panel: Axes, marks: Sequence[Shared], place: float, position: int, label: str
) -> None:
    style = look("", position)
    mean, bar = mean_and_bar([100 * each.over_kept for each in marks])
    chance = [[100 * share for share in each.over_kept_by_chance] for each in marks]
    low, high = min(each[1] for each in chance), max(each[2] for each in chance)
    panel.barh(place, high - low, left=low, height=0.22, color=style.color, alpha=0.35, linewidth=0)
    middle = sum(each[0] for each in chance) / len(chance)
    panel.plot(middle, place, color=INK, marker="|", markersize=8, linestyle="none")
    panel.errorbar(
        mean,
        place,
        xerr=bar,
        color=style.color,
        marker=style.marker,
        markersize=5,
        capsize=2,
        linestyle="none",
        label=label or "_",
    )


def overlap_table(findings: Sequence[Finding]) -> Table:
    """One row for each level, pair and layer, all layers together first."""
    rows = [
        (
            finding.level,
            f"{pair.first} and {pair.second}",
            each.layer,
            each.first,
            each.second,
            each.shared,
            each.expected,
            each.low,
            each.high,
            each.jaccard,
            each.jaccard_by_chance,
        )
        for finding in findings
        for pair in finding.result.pairs
        for each in (pair.total, *pair.layers)
    ]
    return Table(
        columns=[
            Column("level", show="d"),
            Column("masks"),
            Column("layer"),
            Column("kept by the first", show=","),
            Column("by the second", show=","),
            Column("shared", show=","),
            Column("by chance", show=",.1f"),
            Column("from (95%)", show=","),
            Column("to (95%)", show=","),
            Column("Jaccard", show=".4f"),
            Column("Jaccard by chance", show=".4f"),
        ],
        rows=rows,
    )


def _overlap_sentence(result: Overlap) -> str:
    if not result.pairs:
        return "one trial, and no other ticket to compare with"
    totals = [pair.total for pair in result.pairs]
    mean = sum(each.over_kept for each in totals) / len(totals)
    chance = sum(each.over_kept_by_chance[0] for each in totals) / len(totals)
    outside = sum(not each.low <= each.shared <= each.high for each in totals)
    return (
        f"two masks share {100 * mean:.3g}% of what they keep, by chance {100 * chance:.3g}%; "
        f"{outside} of {len(totals)} pair{'s' * (len(totals) != 1)} outside the interval of chance"
    )


OVERLAP = View(
    caption=(
        "Weights that two masks both keep. Chance: in each layer, all masks that keep as many "
        "weights are as likely, so that the number shared is hypergeometric. More than chance need "
        "not mean that single weights matter: inputs differ in how much of the images they see, "
        "and all masks follow that."
    ),
    figure=overlap_figure,
    table=overlap_table,
    sentence=_overlap_sentence,
)
