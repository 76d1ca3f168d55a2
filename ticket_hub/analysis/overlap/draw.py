"""Overlap of masks, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ticket_hub.analysis.folder import Finding
from ticket_hub.analysis.marks import level_name
from ticket_hub.analysis.overlap.compute import Overlap, Shared
from ticket_hub.analysis.panels import WIDTH, layer_panel, mark_in_row, place_in_row
from ticket_hub.report.style import INK, drawing, legend_below, look
from ticket_hub.table import Column, Table

__all__ = ["CAPTION", "describe", "draw", "tabulate"]

CAPTION = (
    "Weights that two masks both keep. Chance: in each layer, all masks that keep as many "
    "weights are as likely, so that the number shared is hypergeometric. More than chance need "
    "not mean that single weights matter: inputs differ in how much of the images they see, "
    "and all masks follow that."
)


def draw(findings: Sequence[Finding]) -> Figure:
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
                marks = [
                    pair.layers[row] if row < len(pair.layers) else pair.total
                    for pair in finding.result.pairs
                ]
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


def _overlap_mark(
    panel: Axes, marks: Sequence[Shared], place: float, position: int, label: str
) -> None:
    chance = [[100 * share for share in each.over_kept_by_chance] for each in marks]
    low, high = min(each[1] for each in chance), max(each[2] for each in chance)
    color = look("", position).color
    panel.barh(place, high - low, left=low, height=0.22, color=color, alpha=0.35, linewidth=0)
    middle = sum(each[0] for each in chance) / len(chance)
    panel.plot(middle, place, color=INK, marker="|", markersize=8, linestyle="none")
    mark_in_row(panel, place, position, [100 * each.over_kept for each in marks], label)


def tabulate(findings: Sequence[Finding]) -> Table:
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


def describe(result: Overlap) -> str:
    """What was found at one level, in one sentence."""
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
