"""Operations, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from ticket_hub.analysis.flops.compute import Flops
from ticket_hub.analysis.folder import Finding
from ticket_hub.analysis.marks import count_trials, level_name
from ticket_hub.analysis.panels import layer_panel, mark_in_row, place_in_row, wide_axis
from ticket_hub.report.style import drawing, legend_below, look
from ticket_hub.table import Column, Table

__all__ = ["CAPTION", "describe", "draw", "tabulate"]

CAPTION = (
    "Matrix products and convolutions of one image's forward pass, at 2 operations for a "
    "multiplication and its addition. Effective leaves out every product with a pruned weight: "
    "it is what a kernel that skips each zero for free would do. It is no speed: dense kernels "
    "take as long as before, and kernels for unstructured sparsity reach a part of the peak."
)


def draw(findings: Sequence[Finding]) -> Figure:
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
            for row, counts in enumerate(
                [*(layer.effective for layer in finding.result.layers), finding.result.effective]
            ):
                place = place_in_row(row, position, len(findings))
                label = "" if row else level_name(finding)
                mark_in_row(panel, place, position, [count / 1e6 for count in counts], label)
        wide_axis(panel)
        panel.set_xlabel("operations of one image's forward pass (millions)")
        n = len(first.effective)
        legend_below(figure, panel, f"mean of {count_trials(n)}; bars: least to greatest trial")
    return figure


def tabulate(findings: Sequence[Finding]) -> Table:
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


def describe(result: Flops) -> str:
    """What was found at one level, in one sentence."""
    mean = sum(result.effective) / len(result.effective)
    return (
        f"{mean / 1e6:,.4g} of {result.dense / 1e6:,.4g} million operations an image are of "
        f"surviving weights ({100 * mean / result.dense:.3g}%)"
    )
