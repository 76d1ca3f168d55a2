"""Scores beside the controls that they have to beat."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ticket_hub.analysis.folder import Finding
from ticket_hub.analysis.marks import count_trials, level_name
from ticket_hub.analysis.panels import COLUMNS, MARK, ROW, panels, place_in_row
from ticket_hub.analysis.sanity.compute import Sanity, SanityRow
from ticket_hub.evidence.rows import interval_text
from ticket_hub.report.style import drawing, legend_below, look
from ticket_hub.table import Column, Table
from ticket_hub.transfer.spec import TICKET

__all__ = ["CAPTION", "describe", "draw", "tabulate"]

CAPTION = (
    "The tickets' test accuracy at the early stop minus that of each control, paired by trial: "
    "the mask shuffled within layers, the weights drawn anew, the lowest scores instead of the "
    "highest, scores of random labels or shuffled pixels, and random masks whose layers are as "
    "dense as ERK or smart ratios make them. A score that loses nothing there says no more than "
    "how many weights each layer keeps. All have the same budget. Intervals are 95%, of three "
    "trials or more; the words are of all comparisons of a level as one family."
)


def draw(findings: Sequence[Finding]) -> Figure:
    """One panel for each control, one row for each score, a mark for each level.

    Each panel has a scale of its own: the network of the lowest scores may lose sixty points where
    a shuffled mask loses one.
    """
    scores = list(dict.fromkeys(row.score for each in findings for row in each.result.rows))
    controls = _names_of_controls(findings)
    height = 0.7 + max(ROW, MARK * len(findings)) * len(scores)
    with drawing():
        figure, grid = panels(len(controls), height=height)
        for column, (panel, control) in enumerate(zip(grid, controls, strict=True)):
            panel.set_xlabel(f"minus {control} (points)", fontsize="small")
            panel.set_yticks(range(len(scores)), [] if column % COLUMNS else scores)
            panel.set_ylabel("" if column % COLUMNS else "tickets")
            panel.set_ylim(len(scores) - 0.5, -0.5)
            panel.grid(visible=False, axis="y")
            panel.axvline(0, color="0.5", linewidth=0.8)
            panel.xaxis.set_major_locator(MaxNLocator(nbins=5))
            for position, finding in enumerate(findings):
                rows = {row.score: row for row in finding.result.rows if row.network == control}
                for place, score in enumerate(scores):
                    if score in rows:
                        row = place_in_row(place, position, len(findings))
                        _mark(panel, row, rows[score], position)
        # Drawn for the legend alone: no panel is sure to have a mark of each level.
        for position, finding in enumerate(findings):
            style = look("", position)
            grid[0].plot(
                [], [], color=style.color, marker=style.marker, ls="none", label=level_name(finding)
            )
        count = findings[0].result.rows[0].n
        note = (
            f"{count_trials(count)}; the tickets' test accuracy minus each control's, "
            "on a scale of each panel's own; bars: 95% intervals"
        )
        legend_below(figure, grid[0], note)
    return figure


def _mark(panel: Axes, place: float, row: SanityRow, position: int) -> None:
    assert row.gain is not None, "controls are compared"
    low = row.gain if row.gain_low is None else row.gain_low
    high = row.gain if row.gain_high is None else row.gain_high
    style = look("", position)
    panel.errorbar(
        [100 * row.gain],
        [place],
        xerr=[[100 * (row.gain - low)], [100 * (high - row.gain)]],
        color=style.color,
        marker=style.marker,
        markersize=4,
        elinewidth=1.1,
        capsize=2,
        linestyle="none",
    )


def tabulate(findings: Sequence[Finding]) -> Table:
    """One row for each score and level, one column for each control."""
    controls = _names_of_controls(findings)
    rows = []
    for finding in findings:
        result: Sanity = finding.result
        for score, place in result.scores:
            mine = {r.network: r for r in result.rows if (r.score, r.place) == (score, place)}
            ticket = mine[TICKET]
            rows.append(
                [
                    score,
                    place,
                    ticket.level,
                    100 * ticket.density,
                    ticket.n,
                    interval_text(
                        ticket.accuracy, ticket.accuracy_low, ticket.accuracy_high, ".2f"
                    ),
                    *(_cell(mine.get(name)) for name in controls),
                    ticket.verdict,
                ]
            )
    return Table(
        columns=[
            Column("score"),
            Column("tickets"),
            Column("level", show="d"),
            Column("weights left (%)", show=".2f"),
            Column("n", show="d"),
            Column("test accuracy (%)"),
            *(Column(f"minus {name} (points)") for name in controls),
            Column("verdict"),
        ],
        rows=rows,
    )


def describe(result: Sanity) -> str:
    """What was found at one level, in one sentence."""
    said = []
    for score, place in result.scores:
        mine = [row for row in _controls(result) if (row.score, row.place) == (score, place)]
        beaten = [row.network for row in mine if row.verdict == "beaten"]
        better = [row.network for row in mine if row.verdict == "better"]
        others = [
            row.network for row in mine if row.verdict not in {"beaten", "better", "identical"}
        ]
        loses = f"loses to {', '.join(better)}; " if better else ""
        said.append(
            f"{score} beats {', '.join(beaten) or 'nothing'}; {loses}"
            f"not shown for {', '.join(others) or 'nothing'}"
        )
    return f"{'; '.join(said)} ({result.iterations:,} iterations)"


def _controls(result: Sanity) -> list[SanityRow]:
    return [row for row in result.rows if row.network != TICKET]


def _names_of_controls(findings: Sequence[Finding]) -> list[str]:
    return list(dict.fromkeys(row.network for each in findings for row in _controls(each.result)))


def _cell(row: SanityRow | None) -> str:
    if row is None:
        return ""
    gain = interval_text(row.gain, row.gain_low, row.gain_high, "+.2f")
    return f"{gain} {row.verdict}"
