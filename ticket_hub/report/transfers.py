"""Reports of transfers: the matrix as heat maps, as tables, and as one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from ticket_hub.durable import write_bytes
from ticket_hub.report.heatmap import matrix_figure
from ticket_hub.report.page import facts_list, figure_block, shell
from ticket_hub.report.style import image, themed_svg
from ticket_hub.report.write import Form
from ticket_hub.transfer.matrix import (
    Matrix,
    about_verdicts,
    csv_text,
    markdown,
    matrix_table,
    read_about,
    read_matrix,
)

__all__ = ["matrix_page", "report_transfer"]


def report_transfer(run: Path, folder: Path, forms: Sequence[Form]) -> list[Path]:
    """Draw a finished transfer into a folder, and name the files.

    `png` and `svg` give `matrix-accuracy`, and `matrix-CONTROL` for each control; `csv` and `md`
    the numbers as `matrix`, and `html` everything as `report.html`.

    Raises:
        RunError: there is no matrix in the run, or it is damaged.
        StorageError: a file cannot be written.
    """
    matrix, facts = read_matrix(run), _facts(read_about(run))
    written = []
    for form in forms:
        for name, data in _files(matrix, form, facts).items():
            write_bytes(folder / name, data)
            written.append(folder / name)
    return written


def matrix_page(matrix: Matrix, facts: Mapping[str, str] | None = None) -> str:
    """The matrix as one page that asks for nothing from any other place.

    Args:
        facts: where the tickets come from, and what was asked for: title -> text.
    """
    parts = [f"<p>{escape(_ABOUT)}</p>", f"<p>{escape(about_verdicts(matrix))}</p>"]
    for against in (*matrix.controls, None):
        drawn = themed_svg(matrix_figure(matrix, against))
        parts += [f"<h2>{escape(_title(against))}</h2>", figure_block(drawn, _caption(against))]
    reasons = [
        f"<li>{escape(cell.ticket)}, level {cell.level}, on {escape(cell.data)}: "
        f"{escape(cell.reason)}</li>"
        for cell in matrix.cells
    ]
    parts += [
        "<h2>The numbers</h2>",
        matrix_table(matrix).html(),
        '<p class="soft">Means over n tickets, or runs of fewer, with 95% intervals.</p>',
        "<h2>The verdicts</h2>",
        f"<ul>\n{chr(10).join(reasons)}\n</ul>",
    ]
    if facts:
        parts += ["<h2>Where this comes from</h2>", facts_list(facts)]
    tickets, data = len(matrix.tickets), len(matrix.data)
    return shell(
        f"{tickets} ticket{'s' * (tickets != 1)} on {data} data set{'s' * (data != 1)}", parts
    )


def _facts(about: Mapping[str, Any]) -> dict[str, str]:
    """What the record says beside the numbers, as texts."""
    facts = {"by": str(about["who"])} if about.get("who") else {}
    for name, each in about.get("tickets", {}).items():
        facts[name] = (
            f"{each['network']}, found on {each['found_on']} by {each['recipe']} (digest "
            f"{each['recipe_digest']}); bundle {each['bundle']}"
            + (f", pulled from {each['pulled']}" if each["pulled"] else "")
        )
    return facts


def _files(matrix: Matrix, form: Form, facts: Mapping[str, str]) -> dict[str, bytes]:
    if form == "html":
        return {"report.html": matrix_page(matrix, facts).encode()}
    if form == "csv":
        return {"matrix.csv": csv_text(matrix).encode()}
    if form == "md":
        return {"matrix.md": markdown(matrix).encode()}
    found = {}
    for against in (None, *matrix.controls):
        figure = matrix_figure(matrix, against, title=_title(against))
        data = image(figure, form)
        found[f"matrix-{against or 'accuracy'}.{form}"] = data
    return found


_ABOUT = (
    "Every ticket was trained on every data set beside its controls: the same examples in the same "
    "order, the same budget and schedule. The early stop is the first minimum of the validation "
    "loss; the test set chooses nothing."
)


def _title(against: str | None) -> str:
    return "Test accuracy of the tickets" if against is None else f"Tickets against {against}"


def _caption(against: str | None) -> str:
    if against is None:
        return "Test accuracy of each ticket on each data set, with its 95% interval."
    return (
        f"Test accuracy of each ticket minus that of its control {against} on each data set: the "
        "mean paired difference with its 95% interval. Blue is better, orange is worse."
    )
