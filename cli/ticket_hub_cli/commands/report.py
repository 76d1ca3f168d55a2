"""`ticket report`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ticket_hub_cli import options
from ticket_hub_cli.output import Output

if TYPE_CHECKING:
    from ticket_hub.report.ladder import Bars

FORMATS = ["png", "svg", "html", "csv", "md", "json"]
DEFAULT = ("png", "html")


@options.command(
    "report",
    "ticket report digits-quick",
    "ticket report digits-quick --format svg --format csv --out figures",
    "ticket report ./bundle --bars interval",
    "ticket report digits-quick --format json",
    "ticket report ./transfer --format html",
)
@click.argument("run", type=options.RUN)
@click.option(
    "--out",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the files.  [default: report, beside the bundle]",
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
    default="range",
    show_default=True,
    help="Bars from the least to the greatest trial, or 95% Student-t intervals.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print the files' names only.")
def command(
    run: str, folder: Path | None, formats: tuple[str, ...], bars: Bars, quiet: bool
) -> None:
    """Draw figures and tables of a run or a bundle, as the papers do.

    Test accuracy and the iteration of the early stop against the weights that remain, and the
    curves of training; of a transfer, its matrix as heat maps. html is one page that needs no other
    file.
    """
    from ticket_hub.report.bundles import report_bundle
    from ticket_hub.report.transfers import find_transfer
    from ticket_hub.search.locate import locate

    forms: Any = [form for form in formats or DEFAULT if form != "json"]
    place = folder or (find_transfer(run) or locate(run).bundle.parent) / "report"
    for path in report_bundle(run, place, forms, bars=bars):
        click.echo(str(path))
    if "json" in formats:
        Output("json").json(_numbers(run))
    if forms and not quiet:
        click.echo("Open the figures with any viewer, report.html in a browser.", err=True)


def _numbers(run: str) -> list[dict[str, Any]]:
    from ticket_hub.bundle import open_bundle
    from ticket_hub.report.bundles import subject
    from ticket_hub.report.tables import ladder_rows
    from ticket_hub.report.transfers import find_transfer
    from ticket_hub.search.locate import locate
    from ticket_hub.tables import to_table
    from ticket_hub.transfer import read_matrix

    transfer = find_transfer(run)
    if transfer is not None:
        return [to_table(cell) for cell in read_matrix(transfer).cells]
    ladder = subject(open_bundle(locate(run).bundle)).ladder
    return [dataclasses.asdict(row) for row in ladder_rows(ladder)]
