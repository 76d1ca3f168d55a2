"""Scores beside the controls that they have to beat."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from ticket_hub.analysis.folder import Finding
from ticket_hub.analysis.marks import count_trials, level_name
from ticket_hub.analysis.panels import layer_panel, place_in_row
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
    """One row for each score and control, a mark for each level."""
    names = list(dict.fromkeys(_name(row) for each in findings for row in _controls(each.result)))
    with drawing():
        figure, panel = layer_panel(names, len(findings))
        panel.set_ylabel("score, and the network beside it")
        for position, finding in enumerate(findings):
            style = look("", position)
            for number, row in enumerate(_controls(finding.result)):
                assert row.gain is not None, "controls are compared"
                low = row.gain if row.gain_low is None else row.gain_low
                high = row.gain if row.gain_high is None else row.gain_high
                panel.errorbar(
                    [100 * row.gain],
                    [place_in_row(names.index(_name(row)), position, len(findings))],
                    xerr=[[100 * (row.gain - low)], [100 * (high - row.gain)]],
                    color=style.color,
                    marker=style.marker,
                    markersize=4,
                    elinewidth=1.1,
                    capsize=2,
                    linestyle="none",
                    label="" if number else level_name(finding),
                )
        panel.axvline(0, color="0.5", linewidth=0.8)
        panel.set_xlabel("ticket minus control (points of test accuracy)")
        count = findings[0].result.rows[0].n
        legend_below(figure, panel, f"{count_trials(count)}; bars: 95% intervals of the difference")
    return figure


def tabulate(findings: Sequence[Finding]) -> Table:
    """One row for each score and level, one column for each control."""
    controls = list(
        dict.fromkeys(row.network for each in findings for row in _controls(each.result))
    )
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
        others = [row.network for row in mine if row.verdict not in {"beaten", "identical"}]
        said.append(
            f"{score} beats {', '.join(beaten) or 'nothing'}; "
            f"not shown for {', '.join(others) or 'nothing'}"
        )
    return f"{'; '.join(said)} ({result.iterations:,} iterations)"


def _controls(result: Sanity) -> list[SanityRow]:
    return [row for row in result.rows if row.network != TICKET]


def _name(row: SanityRow) -> str:
    return f"{row.score}: {row.network}"


def _cell(row: SanityRow | None) -> str:
    if row is None:
        return ""
    gain = interval_text(row.gain, row.gain_low, row.gain_high, "+.2f")
    return f"{gain} {row.verdict}"
