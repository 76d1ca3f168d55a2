"""`ticket report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ticket_hub_cli import options
from ticket_hub_cli.named_types import RUN
from ticket_hub_cli.output import CommandOutput

if TYPE_CHECKING:
    from ticket_hub.comparison.ladder import Bars

FORMATS = ["png", "svg", "pdf", "html", "csv", "md", "json"]
DEFAULT = ("png", "html")


@options.command(
    "report",
    "ticket report digits-quick",
    "ticket report digits-quick --format svg --format csv --out figures",
    "ticket report ./bundle --bars interval",
    "ticket report retrain-mnist-334d8b365625 --format html",
    "ticket report digits-quick --format json",
    "ticket report digits-quick --format pdf --width 3.5 --title none",
    "ticket report ./transfer --format html",
)
@click.argument("run", type=RUN)
@click.option(
    "--out",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the files.  [default: report, in the run or beside the bundle]",
)
@click.option(
    "--format",
    "formats",
    type=click.Choice(FORMATS),
    multiple=True,
    help="Which files to write; may be given again.  json prints the numbers on stdout instead."
    "  [default: png and html]",
)
@click.option(
    "--bars",
    type=click.Choice(["range", "interval"]),
    help="Bars from the least to the greatest trial, or 95% Student-t intervals.  [default: range"
    " for a search, interval for an experiment]",
)
@click.option("--dpi", type=int, default=150, show_default=True, help="Pixels an inch of PNG.")
@click.option("--width", type=float, help="Of figures, in inches; below 7 panels are stacked.")
@click.option(
    "--title",
    type=click.Choice(["full", "none"]),
    default="full",
    show_default=True,
    help="Of figures; what a paper says in its caption need not stand above.",
)
@click.option("--text", is_flag=True, help="Keep letters in SVG as text, not as paths.")
@click.option(
    "--style",
    "style_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A matplotlib style file, whose settings win.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print the files' names only.")
@options.import_option
def command(
    run: str,
    folder: Path | None,
    formats: tuple[str, ...],
    bars: Bars | None,
    dpi: int,
    width: float | None,
    title: str,
    text: bool,
    style_file: Path | None,
    quiet: bool,
) -> None:
    """Draw figures and tables of a search, a bundle, an experiment or a transfer.

    Test accuracy and the iteration of the early stop against the weights that remain, and the
    curves of training; of an experiment of `ticket retrain` also the differences to the controls;
    of a transfer, its matrix as heat maps. html is one page that needs no other file.
    """
    from ticket_hub.comparison.numbers import numbers
    from ticket_hub.report.figure_style import FigureStyle
    from ticket_hub.report.runs import report_run

    forms: Any = [form for form in formats or DEFAULT if form != "json"]
    style = FigureStyle(dpi=dpi, width=width, title=title == "full", text=text, file=style_file)
    for path in report_run(run, folder, forms, bars=bars, style=style):
        click.echo(str(path))
    if "json" in formats:
        CommandOutput("json").json(numbers(run))
    if forms and not quiet:
        page = "report.html in a browser" if "html" in forms else ""
        drawn = "the figures with any viewer" if {"png", "svg", "pdf"} & set(forms) else ""
        if page or drawn:
            click.echo(f"Open {', '.join(filter(None, (drawn, page)))}.", err=True)
