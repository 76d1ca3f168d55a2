"""From measurements to files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias

from ticket_hub.comparison.bundles import ReportSubject
from ticket_hub.comparison.ladder import Bars
from ticket_hub.comparison.ladder_tables import ladder_csv, ladder_table
from ticket_hub.durable import write_bytes
from ticket_hub.report.figures import ladder_figure
from ticket_hub.report.learning import curves_figure
from ticket_hub.report.page import page
from ticket_hub.report.style import image

__all__ = ["Form", "write_report"]

Form: TypeAlias = Literal["png", "svg", "pdf", "html", "csv", "md"]
"""What a report may be written as."""


def write_report(
    subject: ReportSubject, folder: Path, forms: Sequence[Form], *, bars: Bars = "range"
) -> list[Path]:
    """Write the figures, tables or the page into a folder, and name the files.

    `png`, `svg` and `pdf` give `ladder` and `curves`, `csv` and `md` the numbers as `ladder`, and
    `html` everything as `report.html`.

    Raises:
        StorageError: a file cannot be written.
    """
    written = []
    for form in forms:
        for name, data in _files(subject, form, bars).items():
            write_bytes(folder / name, data)
            written.append(folder / name)
    return written


def _files(subject: ReportSubject, form: Form, bars: Bars) -> dict[str, bytes]:
    ladder = subject.ladder
    if form == "html":
        text = page(
            ladder,
            facts=subject.facts,
            recipe=subject.recipe,
            notes=subject.notes,
            bars=bars,
        )
        return {"report.html": text.encode()}
    if form == "csv":
        return {"ladder.csv": ladder_csv(ladder).csv().encode()}
    if form == "md":
        return {"ladder.md": f"{ladder_table(ladder).markdown()}\n".encode()}
    figures = {"ladder": ladder_figure(ladder, bars=bars), "curves": curves_figure(ladder)}
    return {f"{name}.{form}": image(figure, form) for name, figure in figures.items()}
