"""From findings to files: one self-contained page, figures, tables and JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from ticket_hub.analysis.folder import Finding
from ticket_hub.analysis.marks import level_name
from ticket_hub.analysis.registry import Analysis, naming
from ticket_hub.analysis.running import AnalysisPlan
from ticket_hub.durable import write_bytes, write_json
from ticket_hub.report.page import facts_list, figure_block, shell
from ticket_hub.report.panels import some
from ticket_hub.report.style import png, themed_svg
from ticket_hub.runs.file_names import ANALYSIS
from ticket_hub.table import Table

__all__ = ["write_report"]

FORMAT = 1
MAX_ROWS = 60
MAX_LEVELS = 6
"""In one figure: the first, the last, and some between. More cannot be told apart."""


def write_report(plan: AnalysisPlan, findings: Sequence[Finding], folder: Path) -> None:
    """Write `analysis.html`, `analysis.json`, and a figure and a table for each analysis.

    Raises:
        StorageError: a file cannot be written.
    """
    table = {
        "format": FORMAT,
        "tickets": _tickets(plan),
        "left_out": dict(plan.left_out),
        "findings": [finding.to_table() for finding in findings],
    }
    write_json(folder / ANALYSIS, table)
    parts = [facts_list(_facts(plan)), *_notes(plan)]
    for analysis in plan.analyses:
        found = [each for each in findings if each.analysis == analysis.name]
        if found:
            with naming(analysis):
                parts += _section(analysis, found, folder)
    parts += [
        "<h2>Where this was measured</h2>",
        facts_list(dict(sorted(findings[-1].environment.items())) if findings else {}),
    ]
    write_bytes(folder / "analysis.html", shell(_title(plan), parts).encode())


def _section(analysis: Analysis, found: Sequence[Finding], folder: Path) -> list[str]:
    drawn = some(found, MAX_LEVELS)
    figure, table = analysis.draw(drawn), analysis.tabulate(found)
    write_bytes(folder / "figures" / f"{analysis.name}.png", png(figure))
    write_bytes(folder / "tables" / f"{analysis.name}.csv", table.csv().encode())
    more = len(table.rows) - MAX_ROWS
    return [
        f"<h2>{escape(analysis.title)}</h2>",
        *(
            f"<p>{escape(level_name(each))}: {escape(analysis.describe(each.result))}.</p>"
            for each in found
        ),
        figure_block(themed_svg(figure), analysis.caption + _left_out(drawn, found)),
        Table(table.columns, table.rows[:MAX_ROWS]).html(),
        f'<p class="soft">{more} more rows are in tables/{analysis.name}.csv.</p>'
        if more > 0
        else "",
    ]


def _left_out(drawn: Sequence[Finding], found: Sequence[Finding]) -> str:
    if len(drawn) == len(found):
        return ""
    return f" Of {len(found)} levels, {len(drawn)} are drawn; the table has all."


def _title(plan: AnalysisPlan) -> str:
    manifest = plan.source.bundle.manifest
    return f"Inside tickets of {manifest.architecture.name} on {manifest.data.name}"


def _tickets(plan: AnalysisPlan) -> dict[str, object]:
    manifest = plan.source.bundle.manifest
    return {
        "bundle": manifest.id,
        "pulled": plan.source.pulled,
        "network": manifest.architecture.name,
        "found_on": manifest.data.name,
        "recipe": manifest.recipe.name,
        "recipe_digest": manifest.recipe.digest,
        "levels": list(plan.levels),
        "trials": list(plan.trials),
        "seed": plan.seed,
        "others": [other.title for other in plan.others],
    }


def _facts(plan: AnalysisPlan) -> Mapping[str, str]:
    return {
        name.replace("_", " "): ", ".join(map(str, value))
        if isinstance(value, list)
        else str(value)
        for name, value in _tickets(plan).items()
        if value not in ("", [])
    }


def _notes(plan: AnalysisPlan) -> list[str]:
    return [
        f"<p>Left out: {escape(name)}, since {escape(reason)}.</p>"
        for name, reason in plan.left_out
    ]
